"""What ``import teachback as tb`` offers: the steps as functions over data in memory.

``settings``     what the steps can be set by, typed, and refused where it means nothing
``inputs``       explanations and predictions, from files or from memory
``watching``     whether progress is shown, and where
``explaining``   `generate`, `agenerate`, `select`
``training``     `train`
``evaluating``   `evaluate`, `evaluate_teacher`, `compare`
``studying``     `study`, `pack_study`, `unpack_study`, `report`

The command line goes through `teachback.runs`, which adds run folders; both call the same steps.
"""
