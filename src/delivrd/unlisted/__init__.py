"""Codes that no table lists: gathered, shown, and made into a row and a fixture.

The rule of this package: a stranger chooses these codes and what stands around them. Nothing leaves it with a phone
number or a secret in it, and nothing of it grows with what was sent. The core never imports it, it needs no
extra, and nothing of it is public: it is what the command line and the live page share.
"""
