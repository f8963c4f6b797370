"""The conformance kit of delivrd: a pytest plugin that tests a provider by its fixtures, with no test code.

The rule of this package: nothing of delivrd, hypothesis or syrupy is imported until the option
`delivrd_fixtures` switches the kit on, so that an environment which merely holds the kit pays
nothing for it.
"""
