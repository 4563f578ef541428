"""Read what the files of a release say that belongs into its description."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from manifest.display import printable
from manifest.draft.facts import CheckpointFact, Fact, Facts, ResultFact
from manifest.errors import DocumentError, UndecidedError
from manifest.licenses import recognise, same_license
from manifest.readers.card import Card, read_card
from manifest.readers.citation import read_citation
from manifest.readers.classify import Placement
from manifest.readers.config import ModelConfig, read_config
from manifest.readers.evaluation import read_evaluation_results
from manifest.readers.formats import WeightFormat
from manifest.readers.gguf import read_gguf
from manifest.readers.names import checkpoint_directory, checkpoint_step
from manifest.readers.package import read_package_metadata
from manifest.readers.recipe import read_recipe
from manifest.readers.safetensors import read_safetensors
from manifest.readers.training_settings import FilledField, read_training_settings
from manifest.sources import Source
from manifest.sources.directory import DirectorySource
from manifest.sources.hub import HubSource

__all__ = ["gather"]

FINAL = "model-parameters-final"
_MAX_DATASETS = 200
_MAX_RESULTS = 20
_MAX_CHECKPOINTS = 1000
_MAX_PATHS = 20
_MAX_SHARDS = 2000
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_RELATIONS = frozenset({"finetune", "adapter", "merge", "quantized", "distilled"})

T = TypeVar("T")


def gather(source: Source, placements: Sequence[Placement]) -> Facts:
    """Read the files that say something about the release as a whole.

    A file that cannot be read is noted and passed over.
    """
    return _Gatherer(source, placements).facts()


def _clean(text: str, limit: int = 500) -> str:
    """``text`` where it can stand in a description; else empty."""
    text = text.strip()
    return text if text and len(text) <= limit and not _CONTROL.search(text) else ""


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


class _Gatherer:
    """Reads each file once and answers from what it found."""

    def __init__(self, source: Source, placements: Sequence[Placement]) -> None:
        self.source = source
        self.placements = placements
        self.notes: list[str] = []
        self.hub = "the hub" if isinstance(source, HubSource) else "the hub cache"
        paths = sorted((file.path for file in source.files), key=_depth)
        self.card = self._first(read_card, self._of("model-card", ".md"), _has_fields)
        self.config = self._first(
            read_config, self._of("model-architecture", "config.json"), _is_model
        )
        self.package = self._first(
            read_package_metadata, (p for p in paths if p.endswith(".dist-info/METADATA"))
        )
        self.citation = self._first(
            read_citation, (p for p in paths if p.rpartition("/")[2] == "CITATION.cff")
        )
        self.gguf = self._first(read_gguf, self._weights(WeightFormat.GGUF))

    def _of(self, kind: str, suffix: str = "") -> list[str]:
        """Paths of one kind, from the top down."""
        found = (p.path for p in self.placements if p.kind == kind and p.path.endswith(suffix))
        return sorted(found, key=_depth)

    def _weights(self, format_: WeightFormat) -> list[str]:
        found = (p.path for p in self.placements if p.kind == FINAL and p.format is format_)
        return sorted(found, key=_depth)

    def _read(self, reader: Callable[[Source, str], T], path: str) -> T | None:
        try:
            return reader(self.source, path)
        except (DocumentError, UndecidedError) as error:
            self.notes.append(error.message)
            return None

    def _first(
        self,
        reader: Callable[[Source, str], T],
        paths: Iterable[str],
        wanted: Callable[[T], bool] = bool,
    ) -> T | None:
        """The first of the first few files that can be read and says what is wanted."""
        for _, path in zip(range(5), paths, strict=False):
            found = self._read(reader, path)
            if found is not None and wanted(found):
                return found
        return None

    def facts(self) -> Facts:
        licenses = self._licenses()
        license_ = licenses[0] if licenses else Fact()
        card, config = self.card, self.config
        card_origin = f"{printable(card.path)} front matter" if card else ""
        is_cards = bool(card and license_ and license_.origin == card_origin)
        datasets = [_clean(d, 200) for d in (card.datasets if card else ())]
        languages = [_clean(tag, 40) for tag in (card.languages if card else ())]
        context = str(config.context_length) if config and config.context_length else ""
        results, results_origin, more = self._results()
        checkpoints, index = self._checkpoints()
        return Facts(
            name=self._name(),
            version=self._version(),
            author=self._author(),
            homepage=self._homepage(),
            license=license_,
            license_name=_fact(card.license_name, card_origin) if card and is_cards else Fact(),
            license_link=_fact(card.license_link, card_origin) if card and is_cards else Fact(),
            other_licenses=tuple(
                fact for fact in licenses[1:] if not same_license(fact.value, license_.value)
            ),
            code_license=self._code_license(license_),
            base_models=self._base_models(),
            base_relation=card.base_model_relation
            if card and card.base_model_relation in _RELATIONS
            else "",
            tasks=_fact(card.pipeline_tag, card_origin) if card else Fact(),
            languages=tuple(dict.fromkeys(tag for tag in languages if tag))[:_MAX_DATASETS],
            languages_origin=card_origin,
            architecture=self._architecture(),
            parameters=self._parameters(),
            context_length=_fact(context, printable(config.path)) if config else Fact(),
            datasets=tuple(dict.fromkeys(name for name in datasets if name))[:_MAX_DATASETS],
            datasets_origin=card_origin,
            results=results,
            results_origin=results_origin,
            more_results=more,
            checkpoints=checkpoints,
            checkpoint_index=index,
            configuration=tuple(self._of("training-configuration")[:_MAX_PATHS]),
            logs=tuple(self._of("training-logs")[:_MAX_PATHS]),
            data_order=order[0] if len(order := self._of("data-order")) == 1 else "",
            seeds=self._seeds(),
            recipe=self._recipe(),
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def _name(self) -> Fact:
        package, card, gguf, citation = self.package, self.card, self.gguf, self.citation
        directory = self.source.name
        candidates = [
            Fact(directory, self.hub) if "/" in directory else Fact(),
            _fact(package.name, package.path, 200) if package else Fact(),
            _fact(card.model_name, f"{card.path} front matter", 200) if card else Fact(),
            _fact(citation.title, citation.path, 200) if citation else Fact(),
            _fact(gguf.text("general.name"), gguf.path, 200) if gguf else Fact(),
            _fact(directory, "the directory's name", 200),
        ]
        return next((fact for fact in candidates if fact), Fact("unnamed", "nothing: name it"))

    def _version(self) -> Fact:
        package, citation, gguf = self.package, self.citation, self.gguf
        revision = (
            self.source.revision if isinstance(self.source, DirectorySource | HubSource) else ""
        )
        candidates = [
            _fact(revision, f"{self.hub}: the revision", 100),
            _fact(package.version, package.path, 100) if package else Fact(),
            _fact(citation.version, citation.path, 100) if citation else Fact(),
            _fact(gguf.text("general.version"), gguf.path, 100) if gguf else Fact(),
        ]
        return next((fact for fact in candidates if fact), Fact())

    def _author(self) -> Fact:
        package, citation, gguf = self.package, self.citation, self.gguf
        owner = self.source.name.partition("/")[0] if "/" in self.source.name else ""
        candidates = [
            _fact(owner, self.hub, 200),
            _fact(gguf.text("general.organization"), gguf.path, 200) if gguf else Fact(),
            _fact(package.author, package.path, 200) if package else Fact(),
            _fact(", ".join(citation.authors), citation.path, 200) if citation else Fact(),
        ]
        return next((fact for fact in candidates if fact), Fact())

    def _homepage(self) -> Fact:
        package, citation = self.package, self.citation
        candidates = [
            _fact(package.homepage, package.path, 4000) if package else Fact(),
            _fact(citation.url, citation.path, 4000) if citation else Fact(),
        ]
        return next((f for f in candidates if re.fullmatch(r"https?://[^\s]+", f.value)), Fact())

    def _licenses(self) -> list[Fact]:
        """Every license that is named, the most telling place first."""
        card, package, citation, gguf = self.card, self.package, self.citation, self.gguf
        candidates = [
            _fact(card.license, f"{card.path} front matter") if card else Fact(),
            _fact(gguf.text("general.license"), gguf.path) if gguf else Fact(),
            _fact(citation.license, citation.path) if citation else Fact(),
            _fact(package.license, package.path) if package else Fact(),
            self._license_text(),
        ]
        return [fact for fact in candidates if fact]

    def _license_text(self) -> Fact:
        """The license of the release's license text: the one main text, or that of the model."""
        texts = self._license_texts()
        models = [p for p in texts if "model" in p.rpartition("/")[2].lower()]
        chosen = models if len(texts) > 1 else texts
        return self._recognised(chosen[0]) if len(chosen) == 1 else Fact()

    def _code_license(self, release: Fact) -> Fact:
        """The license of the code, where a text of its own says so, as ``LICENSE-CODE``."""
        texts = [p for p in self._license_texts() if "code" in p.rpartition("/")[2].lower()]
        found = self._recognised(texts[0]) if len(texts) == 1 else Fact()
        return Fact() if same_license(found.value, release.value) else found

    def _license_texts(self) -> list[str]:
        texts = [p for p in self._of("license-texts") if "licen" in p.rpartition("/")[2].lower()]
        return [p for p in texts if p.count("/") == texts[0].count("/")]

    def _recognised(self, path: str) -> Fact:
        data = self._read(lambda source, path: source.read(path, length=200_000), path)
        found = recognise(data) if data else None
        plain = found and found.whole and len(found.ids) == 1
        return _fact(found.ids[0], path) if found and plain else Fact()

    def _base_models(self) -> tuple[Fact, ...]:
        card, config, gguf = self.card, self.config, self.gguf
        if card and card.base_models:
            names = dict.fromkeys(_clean(name, 200) for name in card.base_models[:20])
            return tuple(_fact(name, f"{card.path} front matter") for name in names if name)
        if gguf and gguf.base_models:
            return tuple(fact for n in gguf.base_models if (fact := _fact(n, gguf.path, 200)))
        name = config.name_or_path if config else ""
        own = self._name().value
        if config and re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", name):
            is_own = name.rpartition("/")[2].lower() in {
                own.lower(),
                own.rpartition("/")[2].lower(),
            }
            is_path = name.startswith((".", "home/", "tmp/", "mnt/", "data/"))
            return () if is_own or is_path else (_fact(name, f"{config.path} _name_or_path"),)
        return ()

    def _architecture(self) -> Fact:
        config, gguf = self.config, self.gguf
        if config and config.architectures:
            return _fact(config.architectures[0], config.path, 200)
        if config and config.model_type:
            return _fact(config.model_type, config.path, 200)
        return _fact(gguf.text("general.architecture"), gguf.path, 200) if gguf else Fact()

    def _parameters(self) -> Fact:
        """The number of parameters, where it is plain which files make up the one model."""
        files = self._weights(WeightFormat.SAFETENSORS)
        shards = [p for p in files if re.search(r"-[0-9]{5}-of-[0-9]{5}\.safetensors$", p)]
        plain = [p for p in files if p.rpartition("/")[2] == "model.safetensors"]
        chosen = shards or plain[:1] or files
        if not chosen or (chosen is files and len(files) > 1) or len(chosen) > _MAX_SHARDS:
            if self.gguf and not files and len(self._weights(WeightFormat.GGUF)) == 1:
                return _fact(str(self.gguf.parameter_count or ""), self.gguf.path)
            return Fact()
        total = 0
        for path in chosen:
            header = self._read(read_safetensors, path)
            if header is None or header.parameter_count is None:
                return Fact()
            total += header.parameter_count
        where = printable(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} safetensors files"
        return Fact(str(total), where) if 0 < total <= 10**18 else Fact()

    def _results(self) -> tuple[tuple[ResultFact, ...], str, int]:
        found: list[ResultFact] = []
        origin = ""
        for path in self._of("evaluation-results", ".json")[:_MAX_PATHS]:
            read = self._read(read_evaluation_results, path)
            for result in read.results if read and read.harness else ():
                task, metric = _clean(result.task, 200), _clean(result.metric, 200)
                if task and metric and read:
                    found.append(ResultFact(task, metric, result.value, read.harness, path))
                    origin = "results files"
        if not found and self.card:
            origin = f"{printable(self.card.path)} front matter"
            for line in self.card.results:
                task, metric = _clean(line.dataset or line.task, 200), _clean(line.metric, 200)
                if task and metric:
                    found.append(ResultFact(task, metric, line.value))
        return tuple(found[:_MAX_RESULTS]), origin, max(len(found) - _MAX_RESULTS, 0)

    def _checkpoints(self) -> tuple[tuple[CheckpointFact, ...], str]:
        steps: dict[str, int] = {}
        indexes: list[str] = []
        for path in self._of("model-parameters-intermediate"):
            directory = checkpoint_directory(path)
            step = checkpoint_step(directory) if directory else None
            if directory and step is not None:
                steps[directory] = step
            elif re.fullmatch(r"(.*/)?(checkpoint[s_-]*)?index\.(csv|jsonl?|tsv)", path):
                indexes.append(path)
        ordered = sorted(steps.items(), key=lambda item: (item[1], item[0]))
        facts = tuple(CheckpointFact(directory, step) for directory, step in ordered)
        return facts[:_MAX_CHECKPOINTS], indexes[0] if len(indexes) == 1 else ""

    def _recipe(self) -> tuple[FilledField, ...]:
        """What recipes of frameworks that are known say; nothing of a field on which two differ."""
        found: dict[str, FilledField] = {}
        odd: set[str] = set()
        for path in self._of("training-configuration")[:_MAX_PATHS]:
            try:
                fields = read_training_settings(self.source, path).fields
            except (DocumentError, UndecidedError):
                continue  # of no framework that is known: it stays in the list of configurations
            for field in fields:
                first = found.setdefault(field.field, field)
                if first.value != field.value:
                    odd.add(field.field)
        return tuple(found[name] for name in sorted(found) if name not in odd)

    def _seeds(self) -> tuple[tuple[str, int, str], ...]:
        seeds: dict[str, tuple[str, int, str]] = {}
        for path in self._of("training-configuration")[:_MAX_PATHS]:
            if path.endswith((".yaml", ".yml", ".json")) and not path.endswith("data_config.json"):
                recipe = self._read(read_recipe, path)
                for pointer, value in recipe.seeds.items() if recipe else ():
                    if name := _clean(pointer, 100):
                        seeds.setdefault(name, (name, value, path))
        return tuple(seeds.values())[:_MAX_PATHS]


def _fact(value: str, origin: str, limit: int = 500) -> Fact:
    cleaned = _clean(value, limit)
    return Fact(cleaned, printable(origin)) if cleaned else Fact()


def _is_model(config: ModelConfig) -> bool:
    return config.is_model


def _has_fields(card: Card) -> bool:
    return bool(card.fields)
