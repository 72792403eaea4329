"""What the office keeps and gets: the year book, the facts gathered from it, the results."""
