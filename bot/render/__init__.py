"""What people see: pure functions from outcomes to markdown; what is untrusted goes through bot.sanitize."""
