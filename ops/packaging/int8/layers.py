"""The int8 layers of a quantised network: list them, and return some of them to float.

A *layer* is a convolution or matrix product with int8 weights. NNCF stores those as Constant, Convert and Multiply
(by the scale of each channel), and puts a FakeQuantize where the int8 activations begin. That may be several operations
before the layer that reads them: Concat, Split, MaxPool and Interpolate pass int8 on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import prod
from typing import Any

LAYERS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")
#: An element of the output, with its activation, takes about as long as so many multiplications: the first layers, of
#: few channels, are slower than their multiplications say (profiled with YOLOv8n, two CPUs).
ELEMENT = 50
#: Operations that output what they read, rearranged or a part of it.
PASSING = (
    *("Concat", "Split", "VariadicSplit", "MaxPool", "Interpolate"),
    *("Reshape", "Transpose", "Slice", "StridedSlice", "Pad"),
)


def quantised(graph: Any) -> list[str]:
    """Return the names of the layers with int8 weights, in the order of execution."""
    return [
        operation.get_friendly_name()
        for operation in graph.get_ordered_ops()
        if operation.get_type_name() in LAYERS and _has_int8_weights(operation)
    ]


def work(graph: Any) -> dict[str, int]:
    """Return about how long each layer of a float graph with a fixed input shape takes, in multiplications."""
    found = {}
    for operation in graph.get_ordered_ops():
        if operation.get_type_name() in LAYERS and not operation.output(0).get_partial_shape().is_dynamic:
            outputs, inputs, weights = (
                list(value.get_shape()) for value in (operation.output(0), *operation.input_values()[:2])
            )
            # Each element of the output is a sum: of a convolution over the input channels and the kernel, which are
            # all of the weights but one axis; of a matrix product over the last axis of the input.
            is_product = operation.get_type_name() == "MatMul"
            summed = inputs[-1] if is_product else prod(weights) // max(outputs[1], 1)
            found[operation.get_friendly_name()] = prod(outputs) * (summed + ELEMENT)
    return found


def to_float(graph: Any, source: Any, names: Collection[str]) -> None:
    """Give layers of `graph` the weights and the bias that they have in `source`, and inputs that are not rounded.

    What other layers read in int8 stays so. `source` is the float graph that `graph` was quantised from.
    """
    originals = {operation.get_friendly_name(): operation for operation in source.get_ordered_ops()}
    operations = {operation.get_friendly_name(): operation for operation in graph.get_ordered_ops()}
    for name in names:
        layer, original = operations[name], originals[name]
        for read in layer.inputs():
            before = read.get_source_output().get_node()
            constant = original.input_value(read.get_index())
            if before.get_type_name() == "FakeQuantize":
                read.replace_source_output(before.input_value(0))
            elif constant.get_node().get_type_name() == "Constant":
                read.replace_source_output(constant)
        _restore_bias(layer, original)
    drop_unread(graph)


def drop_unread(graph: Any) -> None:
    """Remove each FakeQuantize that no int8 layer reads, such as those before the sum of a residual connection."""
    for operation in graph.get_ordered_ops():
        if operation.get_type_name() == "FakeQuantize" and not any(map(_has_int8_weights, _readers(operation))):
            operation.output(0).replace(operation.input_value(0))


def _readers(operation: Any) -> Iterator[Any]:
    """Yield the layers that read the output of an operation, directly or through operations that pass it on."""
    for output in operation.outputs():
        for read in output.get_target_inputs():
            reader = read.get_node()
            if reader.get_type_name() in LAYERS:
                yield reader
            elif reader.get_type_name() in PASSING:
                yield from _readers(reader)


def _has_int8_weights(layer: Any) -> bool:
    """Tell whether an input of a layer is a constant of integers that are scaled."""
    return any(
        value.get_node().get_type_name() == "Multiply"
        and value.get_node().input_value(0).get_node().get_type_name() in ("Convert", "Subtract")
        for value in layer.input_values()
    )


def _restore_bias(layer: Any, original: Any) -> None:
    """Undo NNCF's correction of the bias, a constant that is added to the output of the layer."""
    corrected, constant = _bias(layer), _bias(original)
    if corrected is not None and constant is not None:
        corrected.replace_source_output(constant.get_source_output())


def _bias(layer: Any) -> Any:
    """Return the input that adds a constant to the output of a layer, or None."""
    for read in layer.output(0).get_target_inputs():
        if read.get_node().get_type_name() == "Add":
            for other in read.get_node().inputs():
                if other.get_source_output().get_node().get_type_name() == "Constant":
                    return other
    return None
