"""Files that run inside the sandbox, put there by an overlay; the host reads and never imports them."""
