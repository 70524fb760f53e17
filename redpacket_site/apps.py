from django.contrib.admin.apps import AdminConfig


class HongbaoAdminConfig(AdminConfig):
    default_site = "redpacket_site.admin.HongbaoAdminSite"

    def ready(self):
        """Every app's admin first; then what other packages registered is replaced."""
        super().ready()
        from django.contrib import admin

        from redpacket_site import checks  # noqa: F401 - registers itself
        from redpacket_site.office import people, signin  # noqa: F401 - signin listens

        people.register(admin.site)
