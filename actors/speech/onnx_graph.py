"""The export's graph, changed before it is loaded: the same noise at each run, and less work for the same sound.

docs/performance.md has what each change is worth, and ADR 0012 why they are made here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

NOISE_PERIOD = 524_287
"""Values until the noise comes again, 2.4 s of the nine harmonics. A prime, so that no harmonic meets itself sooner."""

_MOST_NARROWING = (TensorProto.FLOAT16, TensorProto.FLOAT)


def prepared(model: bytes) -> bytes:
    """The model of these ONNX bytes, changed. What has another shape than the exporter gives it stays as it is."""
    proto = onnx.load_from_string(model)
    graph = _Graph(proto.graph)
    _fix_noise(graph)
    _join_styles(graph)
    _simplify_snakes(graph)
    graph.write()
    graph = _Graph(proto.graph)
    _merge_snakes(graph)
    graph.write()
    return bytes(proto.SerializeToString())


def noise(kind: str, count: int) -> npt.NDArray[np.float32]:
    """The first `count` values of the noise that stands in for `RandomNormalLike` or `RandomUniformLike`.

    From the generator that NumPy has frozen: the same in every version.
    """
    random = np.random.RandomState(0)
    draw = random.standard_normal if kind == "RandomNormalLike" else random.random_sample
    return draw(NOISE_PERIOD)[:count].astype(np.float32)


class _Graph:
    """Nodes by what they give, and who takes it. New nodes stand where the ones that they replace did."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = list(graph.node)
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.takers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.takers.setdefault(name, []).append(node)
        self._values = {value.name: value for value in graph.initializer}
        self._outputs = {value.name for value in graph.output}
        self._gone: set[int] = set()
        self._before: dict[int, list[onnx.NodeProto]] = {}

    def maker(self, name: str, kind: str) -> onnx.NodeProto | None:
        node = self.makers.get(name)
        return node if node is not None and node.op_type == kind else None

    def only_taker(self, name: str, kind: str) -> onnx.NodeProto | None:
        takers = self.takers.get(name, [])
        return takers[0] if len(takers) == 1 and takers[0].op_type == kind and name not in self._outputs else None

    def one_taker(self, name: str, kind: str) -> onnx.NodeProto | None:
        """Like `only_taker`, where it may take it more than once."""
        takers = self.takers.get(name, [])
        alone = bool(takers) and all(taker is takers[0] for taker in takers) and name not in self._outputs
        return takers[0] if alone and takers[0].op_type == kind else None

    def is_output(self, name: str) -> bool:
        """Whether the model gives it out."""
        return name in self._outputs

    def is_weight(self, name: str) -> bool:
        """Whether it is a float32 value of the file, which may lie outside of it."""
        return name in self._values and self._values[name].data_type == TensorProto.FLOAT

    def constant(self, name: str) -> npt.NDArray[np.generic] | None:
        """A value that is known now; None also where it lies in the file."""
        while (same := self.maker(name, "Identity")) is not None:
            name = same.input[0]
        if name in self._values:
            value = self._values[name]
            return None if value.data_location == TensorProto.EXTERNAL else numpy_helper.to_array(value)
        node = self.maker(name, "Constant")
        if node is None or node.attribute[0].name != "value":
            return None
        return numpy_helper.to_array(node.attribute[0].t)

    def add_value(self, name: str, value: npt.NDArray[np.generic]) -> str:
        if name not in self._values:
            self._values[name] = numpy_helper.from_array(value, name)
            self.graph.initializer.append(self._values[name])
        return name

    def before(self, kind: str) -> set[int]:
        """The nodes, by `id`, that decide what goes into nodes of this kind."""
        found: set[int] = set()
        waiting = [node for node in self.nodes if node.op_type == kind]
        while waiting:
            for name in waiting.pop().input:
                node = self.makers.get(name)
                if node is not None and id(node) not in found:
                    found.add(id(node))
                    waiting.append(node)
        return found

    def replace(self, last: onnx.NodeProto, old: Sequence[onnx.NodeProto], new: Sequence[onnx.NodeProto]) -> None:
        """Have `new` where `last` stood, and `old` nowhere."""
        self._before[id(last)] = list(new)
        self._gone |= {id(node) for node in (*old, last)}

    def write(self) -> None:
        nodes = list(self._in_order())
        del self.graph.node[:]
        self.graph.node.extend(nodes)

    def _in_order(self) -> Iterator[onnx.NodeProto]:
        for node in self.nodes:
            yield from self._before.get(id(node), [])
            if id(node) not in self._gone:
                yield node


def _fix_noise(graph: _Graph) -> None:
    """A table, read round and round, for each random operator: nothing else makes ONNX Runtime begin anew."""
    for node in graph.nodes:
        if node.op_type not in ("RandomNormalLike", "RandomUniformLike"):
            continue
        given = {attribute.name: attribute for attribute in node.attribute}
        table = noise(node.op_type, NOISE_PERIOD)
        if node.op_type == "RandomNormalLike":
            low, width = _float(given, "mean", 0.0), _float(given, "scale", 1.0)
        else:
            low = _float(given, "low", 0.0)
            width = _float(given, "high", 1.0) - low
        wanted = given["dtype"].i if "dtype" in given else TensorProto.FLOAT
        if wanted not in _MOST_NARROWING:
            continue
        values = (low + width * table).astype(np.float16 if wanted == TensorProto.FLOAT16 else np.float32)
        name = node.output[0]
        zero = graph.add_value("noise_zero", np.array(0, np.int64))
        one = graph.add_value("noise_one", np.array(1, np.int64))
        period = graph.add_value("noise_period", np.array(NOISE_PERIOD, np.int64))
        kept = graph.add_value(f"{name}_table", values)
        graph.replace(
            node,
            [],
            [
                helper.make_node("Size", [node.input[0]], [f"{name}_count"]),
                helper.make_node("Shape", [node.input[0]], [f"{name}_shape"]),
                helper.make_node("Range", [zero, f"{name}_count", one], [f"{name}_places"]),
                helper.make_node("Mod", [f"{name}_places", period], [f"{name}_round"]),
                helper.make_node("Gather", [kept, f"{name}_round"], [f"{name}_flat"]),
                helper.make_node("Reshape", [f"{name}_flat", f"{name}_shape"], [name]),
            ],
        )


def _float(given: dict[str, onnx.AttributeProto], name: str, default: float) -> float:
    return given[name].f if name in given else default


def _join_styles(graph: _Graph) -> None:
    """`(1 + gamma) * norm(x) + beta`: the norm has a scale and an offset of its own, and takes the style's into them.

    Not on the way to the voice's pitch, which is summed up to a phase: there a rounding is heard.
    """
    pitch = graph.before("CumSum")
    for node in graph.nodes:
        if node.op_type != "InstanceNormalization" or id(node) in pitch:
            continue
        scaled = graph.only_taker(node.output[0], "Mul")
        shifted = graph.only_taker(scaled.output[0], "Add") if scaled else None
        if scaled is None or shifted is None:
            continue
        gain, offset = _other(scaled, node.output[0]), _other(shifted, scaled.output[0])
        if not (_is_style(graph, gain) and _is_style(graph, offset)):
            continue
        name = shifted.output[0]
        flat = graph.add_value("style_flat", np.array([-1], np.int64))
        graph.replace(
            shifted,
            [node, scaled],
            [
                helper.make_node("Reshape", [gain, flat], [f"{name}_gain"]),
                helper.make_node("Reshape", [offset, flat], [f"{name}_offset"]),
                helper.make_node("Mul", [node.input[1], f"{name}_gain"], [f"{name}_scale"]),
                helper.make_node("Mul", [node.input[2], f"{name}_gain"], [f"{name}_moved"]),
                helper.make_node("Add", [f"{name}_moved", f"{name}_offset"], [f"{name}_bias"]),
                _like(node, [node.input[0], f"{name}_scale", f"{name}_bias"], [name]),
            ],
        )


def _is_style(graph: _Graph, name: str) -> bool:
    """Whether it is a half of a style's projection, (1, channels, 1): `chunk` gives it, or `1 +` that."""
    node = graph.makers.get(name)
    if node is not None and node.op_type == "Add":
        node = next((graph.makers[given] for given in node.input if graph.constant(given) is None), None)
    while node is not None and node.op_type in ("Identity", "Slice", "Split"):
        node = graph.makers.get(node.input[0])
    return node is not None and node.op_type in ("Reshape", "Unsqueeze")


def _simplify_snakes(graph: _Graph) -> None:
    """`x + sin(a x)^2 / a`: a product for the power."""
    for node in graph.nodes:
        if node.op_type != "Pow" or (sine := graph.maker(node.input[0], "Sin")) is None:
            continue
        exponent = graph.constant(node.input[1])
        if exponent is None or exponent.size != 1 or float(exponent.item()) != 2.0:
            continue
        graph.replace(node, [], [helper.make_node("Mul", [sine.output[0], sine.output[0]], list(node.output))])


def _merge_snakes(graph: _Graph) -> None:
    """`norm(x) + sin(a norm(x))^2 / a`, on the way to a convolution: the norm gives `a` times as much, the convolution's
    weights take `1 / a`, and between them is `y + sin(y)^2`. Two products fewer over all samples of all channels."""
    for sine in graph.nodes:
        if sine.op_type != "Sin" or (snake := _Snake.found(graph, sine)) is None:
            continue
        name, flat = snake.added.output[0], graph.add_value("style_flat", np.array([-1], np.int64))
        group = {attribute.name: attribute.i for attribute in snake.conv.attribute}.get("group", 1)
        if group != 1 or not graph.is_weight(snake.conv.input[1]):
            continue
        graph.replace(
            snake.conv,
            [snake.norm, snake.scaled, sine, snake.squared, snake.divided, snake.added],
            [
                helper.make_node("Reshape", [snake.alpha, flat], [f"{name}_alpha"]),
                helper.make_node("Mul", [snake.norm.input[1], f"{name}_alpha"], [f"{name}_scale"]),
                helper.make_node("Mul", [snake.norm.input[2], f"{name}_alpha"], [f"{name}_bias"]),
                _like(snake.norm, [snake.norm.input[0], f"{name}_scale", f"{name}_bias"], [f"{name}_norm"]),
                helper.make_node("Sin", [f"{name}_norm"], [f"{name}_sine"]),
                helper.make_node("Mul", [f"{name}_sine", f"{name}_sine"], [f"{name}_square"]),
                helper.make_node("Add", [f"{name}_square", f"{name}_norm"], [name]),
                helper.make_node("Mul", [snake.conv.input[1], snake.inverse], [f"{name}_weights"]),
                _like(snake.conv, [name, f"{name}_weights", *snake.conv.input[2:]], snake.conv.output),
            ],
        )


@dataclass(frozen=True, slots=True)
class _Snake:
    """The nodes of a Snake between a norm and a convolution; `alpha` and `inverse` have the shape (1, channels, 1)."""

    norm: onnx.NodeProto
    alpha: str
    scaled: onnx.NodeProto
    squared: onnx.NodeProto
    inverse: str
    divided: onnx.NodeProto
    added: onnx.NodeProto
    conv: onnx.NodeProto

    @classmethod
    def found(cls, graph: _Graph, sine: onnx.NodeProto) -> "_Snake | None":
        scaled = graph.maker(sine.input[0], "Mul")
        squared = graph.one_taker(sine.output[0], "Mul")
        divided = graph.only_taker(squared.output[0], "Mul") if squared else None
        added = graph.only_taker(divided.output[0], "Add") if divided else None
        conv = graph.only_taker(added.output[0], "Conv") if added else None
        if scaled is None or squared is None or divided is None or added is None or conv is None:
            return None
        norm = graph.maker(_other(added, divided.output[0]), "InstanceNormalization")
        if norm is None or norm.output[0] not in scaled.input or graph.is_output(norm.output[0]):
            return None
        if graph.only_taker(scaled.output[0], "Sin") is None or set(squared.input) != {sine.output[0]}:
            return None
        alpha, inverse = _other(scaled, norm.output[0]), _other(divided, squared.output[0])
        reciprocal = graph.maker(inverse, "Reciprocal")
        others = [taker for taker in graph.takers[norm.output[0]] if taker is not scaled and taker is not added]
        if others or reciprocal is None or reciprocal.input[0] != alpha or conv.input[0] != added.output[0]:
            return None
        return cls(norm, alpha, scaled, squared, inverse, divided, added, conv)


def _other(node: onnx.NodeProto, name: str) -> str:
    return str(node.input[1] if node.input[0] == name else node.input[0])


def _like(node: onnx.NodeProto, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.NodeProto:
    made = helper.make_node(node.op_type, inputs, outputs)
    made.attribute.extend(node.attribute)
    return made
