"""What two apps or more need and that knows no red packet; it could serve a shop that sells tea."""
