"""What can go wrong with the models.

    ModelsError
      UnknownLanguage    Kokoro does not speak it
      PullFailed         something could not be fetched, or written
        SourceRefuses    nor can anything else from there
          SourceAway     it cannot be reached, or breaks off; a later pull goes on

`str(error)` is what a person reads; more lines than one begin with two spaces.
"""


class ModelsError(Exception):
    pass


class UnknownLanguage(ModelsError):
    pass


class PullFailed(ModelsError):
    pass


class SourceRefuses(PullFailed):
    pass


class SourceAway(SourceRefuses):
    pass
