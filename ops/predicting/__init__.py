"""`ops predict`: many pictures through the gateway into a file or folder.

`sources` finds the pictures, `fetching` reads them, `asking` sends them, `outputs` with `records`, `table`, `coco` and
`yolo_txt` writes what was found, `running` lets this happen side by side, `tally` counts and `progress` shows it;
`options` and `command` are the command line.
"""
