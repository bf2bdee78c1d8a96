"""What a model is told of the repository: map, versions, places, code (issue 3, "Context").

``pack.stable`` is the part of a prompt that never changes in a run, ``pack.window`` the code around places as
a state has it now; ``flaws.flaws`` says what is wrong with a plan before any test runs.
"""
