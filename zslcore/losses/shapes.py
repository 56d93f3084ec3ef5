"""Shapes of the losses' arguments: ``B`` images, ``C`` classes, ``A`` attributes."""

from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

Outputs = Float[Tensor, "B A"]  # a value for each image and attribute
Cells = Float[Tensor, "C A"]  # a value for each class and attribute
Labels = Integer[Tensor, " B"]  # the class of each image
Present = Bool[Tensor, " C"]  # the classes in a batch
Sizes = Float[Tensor, " C"]  # number of images of each class in a batch
Counts = Int[Tensor, " C"]  # number of training images of each class
Scalar = Float[Tensor, ""]
