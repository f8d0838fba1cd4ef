"""People and files of our own: stock that is received, counted, moved or found."""
