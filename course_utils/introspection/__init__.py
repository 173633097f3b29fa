"""What the layers of a trained network answer to, and how to look.  Taught in chapters 18 and 19.

All of it works on any `nn.Module` that takes images (N, C, H, W), without a change to it: forward
hooks see what the layers answer and are removed again, also after an error; modes, weights and
their gradients stay as they were. Layers go by their names in `model.named_modules()`.

Each method has a module of its own, to be imported from: for chapter 18 `hooks` (activations),
`patches`, `saliency`, `deconvolution`, `maximise`, `randomise` and `settling`; for chapter 19
`occlusion`, `fooling` and `neighbours`.
"""
