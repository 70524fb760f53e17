"""The pages that a chat app embeds: a shell, a folder of scripts, and no data of their own."""
