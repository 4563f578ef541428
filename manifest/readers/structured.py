"""Configuration, results, logs, data order and data: which component a structured file is."""

from __future__ import annotations

import re

from manifest.errors import DocumentError, UndecidedError
from manifest.readers._bounded import read_json
from manifest.readers.config import read_config
from manifest.readers.croissant import may_be_croissant, read_croissant
from manifest.readers.evaluation import read_evaluation_results
from manifest.readers.names import words_of
from manifest.readers.placing import Confidence, Found
from manifest.readers.recipe import read_recipe
from manifest.sources import Source, SourceFile

__all__ = ["place_data", "place_structured"]

GUESS, LIKELY, SURE = Confidence.GUESS, Confidence.LIKELY, Confidence.SURE

_ARCHITECTURE_NAMES = frozenset(
    {
        "adapter_config.json", "config_sentence_transformers.json", "feature_extractor.json",
        "generation_config.json", "image_processor_config.json", "model_config.json",
        "model_index.json", "modules.json", "params.json", "preprocessor_config.json",
        "processor_config.json", "sentence_bert_config.json", "video_preprocessor_config.json",
        "sentence_distilbert_config.json", "sentence_roberta_config.json",
        "sentence_xlnet_config.json", "sentence_albert_config.json", "scheduler_config.json",
    }
)  # fmt: skip
_TRAINING_NAMES = re.compile(
    r"(training[-_]?(args|arguments|config|parameters|params)|trainer[-_]?config|train[-_]config"
    r"|ds[-_]config|deepspeed[-_].*|accelerate[-_]config|recipe|hparams|hyper[-_]?parameters"
    r"|data[-_](config|mix|mixture)|finetun(e|ing)[-_]config|pretrain(ing)?[-_]config)"
    r"([-_.].*)?\.(json|ya?ml|toml|bin|txt|cfg|ini)"
)
_RESULT_NAMES = re.compile(
    r"(all_results|eval(uation)?[-_]?(results?|metrics|scores)?|test[-_]results?|results?([-_].*)?"
    r"|.*[-_](results?|eval)|metrics|scores|leaderboard|benchmarks?|similarity_evaluation.*)"
    r"\.(json|jsonl|csv|tsv|ya?ml|txt|md)"
)
_RESULT_PLACES = frozenset(
    {"eval_results", "evaluation_results", "results", "eval", "evaluation", "evals"}
)
_LOG_NAMES = re.compile(
    r".*\.log(\.gz)?|(training|train|trainer|loss|run)?[-_.]?log(s|[-_]history)?\.(jsonl?|csv|txt|tsv)"
    r"|train_results\.json|trainer_state\.json|events\.out\.tfevents\..*|(training|train)[-_](log|loss|history)s?"
    r"([-_.].*)?\.(jsonl?|csv|txt|tsv)|wandb[-_].*\.(json|ya?ml)"
)
_LOG_PLACES = frozenset({"logs", "wandb", "tensorboard", "training_logs", "runs"})
_ORDER_NAMES = re.compile(
    r"((data|batch|shuffle|sample|training|train)?[-_]?order([-_].*)?|shuffle[-_](idx|index|indices)([-_].*)?"
    r"|global[-_]indices|.*[-_](doc|sample|shuffle)_idx)\.(jsonl?|csv|tsv|txt|npy|npz|parquet|bin)(\.(gz|zst|xz))?"
)
_SAMPLE_WORDS = frozenset({"samples", "generations", "outputs"})

_DATA_SUFFIX = re.compile(
    r".*\.(jsonl?|parquet|csv|tsv|txt|arrow|tfrecords?|npy|npz|ndjson|feather|wds|mds|xml|wav|flac|mp3)"
    r"(\.(gz|bz2|xz|zst|zip))?|.*\.(tar|zip|zst)|.*\.tar\.(gz|zst|xz|bz2)|.*\.tfrecord-[0-9]+-of-[0-9]+"
)
_DATA_ANYWHERE = re.compile(r".*\.(parquet|arrow|tfrecords?)(\.(gz|bz2|xz|zst))?")
_TABLE = re.compile(r".*\.(jsonl|ndjson|csv|tsv|txt|json|npy|bin)(\.(gz|bz2|xz|zst))?")
_DATA_PLACES = frozenset(
    {"data", "dataset", "datasets", "corpus", "corpora", "training_data", "train_data"}
)
_EVALUATION_WORDS = frozenset(
    {"eval", "evals", "evaluation", "test", "heldout", "held", "holdout", "validation", "valid",
     "dev", "benchmark", "benchmarks"}
)  # fmt: skip
_TRAIN_WORDS = frozenset({"train", "training", "pretrain", "pretraining", "corpus", "finetune"})

_LIBRARY_NAMES = re.compile(
    r"(requirements([-_.].*)?\.(txt|in)|environment\.ya?ml|conda[-_.].*\.ya?ml|pyproject\.toml|setup\.cfg"
    r"|uv\.lock|poetry\.lock|pipfile(\.lock)?|pdm\.lock|pixi\.(toml|lock)|dockerfile([-_.].*)?"
    r"|docker-compose\.ya?ml|.*\.dockerfile|makefile|cmakelists\.txt|package(-lock)?\.json|cargo\.(toml|lock)"
    r"|.*\.(def|so|pyd|dylib|dll)|.*\.so\.[0-9.]+)"
)


def place_structured(
    source: Source, file: SourceFile, weight_directories: set[str]
) -> Found | None:
    """Place configuration, results, logs and the like, by name and then by what they say.

    Args:
        source: The release.
        file: The file.
        weight_directories: The directories that hold weights.

    Raises:
        DocumentError: It is not what its name promises.
        UndecidedError: It cannot be read.
    """
    path = file.path
    *directories, name = path.lower().split("/")
    places = set(directories)
    if may_be_croissant(path):
        read_croissant(source, path)
        return "data-card", "Croissant metadata of a dataset", SURE
    if name in _ARCHITECTURE_NAMES:
        return "model-architecture", "by its name", SURE
    if _TRAINING_NAMES.fullmatch(name):
        return "training-configuration", "by its name", LIKELY
    if _LIBRARY_NAMES.fullmatch(name):
        return "supporting-libraries", "the software that the code needs", LIKELY
    if _LOG_NAMES.fullmatch(name) or (places & _LOG_PLACES and not name.endswith(".md")):
        return "training-logs", "by its name or place", LIKELY
    if _ORDER_NAMES.fullmatch(name):
        return "data-order", "by its name", LIKELY
    is_result = bool(_RESULT_NAMES.fullmatch(name)) and not places & _DATA_PLACES
    if is_result or (
        places & _RESULT_PLACES and name.endswith(".json") and not places & _DATA_PLACES
    ):
        return _result(source, path, named=is_result)
    is_sample = bool(_SAMPLE_WORDS & (set(words_of(name)) | places))
    if is_sample and (_DATA_SUFFIX.fullmatch(name) or name.endswith((".md", ".png", ".jpg"))):
        return "sample-model-outputs", "by its name or place", LIKELY
    if name.endswith(".json"):
        return _json(source, path, weight_directories)
    if name.endswith((".yaml", ".yml", ".toml")):
        return _settings(source, path)
    if name.endswith(".xml") and path.rpartition("/")[0] in weight_directories:
        return "model-parameters-final", "the graph beside OpenVINO weights", GUESS
    return None


def _result(source: Source, path: str, *, named: bool) -> Found | None:
    if not path.lower().endswith(".json"):
        return "evaluation-results", "by its name", LIKELY
    try:
        found = read_evaluation_results(source, path)
    except (DocumentError, UndecidedError):
        return ("evaluation-results", "by its name", GUESS) if named else None
    return "evaluation-results", found.harness or "by its name and numbers", SURE


def _json(source: Source, path: str, weight_directories: set[str]) -> Found | None:
    directory, _, name = path.rpartition("/")
    if name == "config.json":
        config = read_config(source, path)
        if config.is_model:
            return "model-architecture", "the configuration of a model", SURE
        if read_recipe(source, path).is_training and directory not in weight_directories:
            return "training-configuration", "by its fields", LIKELY
        return "model-architecture", "a configuration called config.json", LIKELY
    beside = directory in weight_directories
    if beside or _near(directory, weight_directories):
        value = read_json(source, path)
        keys = set(value) if isinstance(value, dict) else set()
        if keys & {"quant_map", "weight_map", "quant_method", "quantization_config"}:
            return "model-parameters-final", "it says how the weights are stored", LIKELY
        if name == "metadata.json":
            return "model-metadata", "metadata beside the weights", GUESS
        if {"architectures", "model_type", "hidden_size", "layers"} & keys:
            return "model-architecture", "the configuration of a model", LIKELY
        if beside and "config" in words_of(name):
            return "model-architecture", "a configuration beside the weights", LIKELY
    named = "config" in words_of(name) or "configs" in path.split("/")
    if named and read_recipe(source, path).is_training:
        return "training-configuration", "by its fields", LIKELY
    return None


def _near(directory: str, weight_directories: set[str]) -> bool:
    """Whether the directory lies right below one that holds weights."""
    return directory.rpartition("/")[0] in weight_directories


def _settings(source: Source, path: str) -> Found | None:
    words = set(words_of(path))
    if not path.lower().endswith(".toml") and read_recipe(source, path).is_training:
        return "training-configuration", "by its fields", LIKELY
    if words & {"train", "training", "recipe", "recipes", "pretrain", "finetune"}:
        return "training-configuration", "by its name", GUESS
    if {"arch", "architecture"} & words:
        return "model-architecture", "by its name", GUESS
    return None


def place_data(path: str) -> Found | None:
    """Place data by its suffix, its place and the words of its name."""
    *directories, name = path.lower().split("/")
    words = set(words_of("/".join([*directories, name])))
    in_data = bool(set(directories) & _DATA_PLACES)
    if not (in_data and _DATA_SUFFIX.fullmatch(name)) and not _DATA_ANYWHERE.fullmatch(name):
        telling = set(words_of(name.partition(".")[0])) & (_TRAIN_WORDS | _EVALUATION_WORDS)
        if not (telling and _TABLE.fullmatch(name)):
            return None
    if words & _EVALUATION_WORDS and not set(words_of(name)) & _TRAIN_WORDS:
        return "evaluation-data", "data, and a word for evaluation in its path", LIKELY
    confidence = LIKELY if in_data or words & _TRAIN_WORDS else GUESS
    return "datasets", "by its suffix and place", confidence
