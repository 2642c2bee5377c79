from .dataset import Dataset as Dataset
from .dataset import Sample as Sample
from .dataset import check_dataset as check_dataset
from .dataset import load_dataset as load_dataset
from .errors import FinauthEvalError as FinauthEvalError
from .scores import ScoreTable as ScoreTable
from .scores import read_scores as read_scores

__version__: str
