"""The way into the admin: password, second factor, lock-outs, and what every page tells browsers to refuse."""
