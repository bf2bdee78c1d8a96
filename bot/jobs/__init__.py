"""The durable queue (``bot.queue``) over DBOS: rows, turns, workers and who is alive."""
