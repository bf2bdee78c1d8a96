"""What jobs do, one file per kind (``bot.queue.Kind``): functions of one Run, safe to repeat after a kill."""
