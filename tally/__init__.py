"""The reckoning: facts and a rulebook in, an explained outcome out. Knows nothing of web, database, clock or files."""
