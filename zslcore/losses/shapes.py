"""Shapes of the losses' arguments: ``B`` images, ``C`` classes, ``A`` attributes."""

from jaxtyping import Bool, Float, Int, Integer, Real, Shaped
from torch import Tensor

Outputs = Float[Tensor, "B A"]  # a value for each image and attribute
Targets = Shaped[Tensor, "B A"]  # the same, of any type: whole numbers are taken as floats
Mask = Bool[Tensor, "B A"]  # the values that count
SampleWeight = Real[Tensor, " B"]  # the weight of each image
Cells = Float[Tensor, "C A"]  # a value for each class and attribute
Labels = Integer[Tensor, " B"]  # the class of each image
Present = Bool[Tensor, " C"]  # the classes in a batch
Sizes = Float[Tensor, " C"]  # number of images of each class in a batch
Counts = Int[Tensor, " C"]  # number of training images of each class
Scalar = Float[Tensor, ""]
