from .dataset import Dataset as Dataset
from .dataset import Sample as Sample
from .dataset import check_dataset as check_dataset
from .dataset import load_dataset as load_dataset
from .detection import Detection as Detection
from .detection import NoResponse as NoResponse
from .errors import FinauthEvalError as FinauthEvalError
from .evaluation import Evaluation as Evaluation
from .evaluation import evaluate as evaluate
from .metrics.estimate import Estimate as Estimate
from .recommendation import EqualError as EqualError
from .recommendation import MaxApcer as MaxApcer
from .recommendation import MaxBpcer as MaxBpcer
from .recommendation import MinCost as MinCost
from .recommendation import Recommendations as Recommendations
from .recommendation import Youden as Youden
from .recommendation import plan_sample_size as plan_sample_size
from .recommendation import recommend as recommend
from .report import render_report as render_report
from .report import write_report as write_report
from .run.credentials import Credentials as Credentials
from .run.runner import collect_scores as collect_scores
from .run.runner import plan_run as plan_run
from .scores import Provenance as Provenance
from .scores import ScoreTable as ScoreTable
from .scores import read_scores as read_scores

__version__: str
