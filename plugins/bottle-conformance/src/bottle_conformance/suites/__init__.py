"""The tests, by what they are about. Each names the section that it follows and the level that depends on it."""
