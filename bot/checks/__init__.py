"""What is read off a failing check of somebody else's: pure functions of what GitHub hands out."""
