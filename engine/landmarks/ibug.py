"""The 68 points of the iBUG 300-W scheme, which FAN was trained on, and where they lie on MediaPipe's face mesh.

Order and meaning of the points: Sagonas et al., "300 faces in-the-wild challenge" (2013): 0 to 16 the jaw from the person's
right temple over the chin, 17 to 26 the brows, 27 to 35 the nose, 36 to 47 the eyes, 48 to 67 the lips.

The correspondences start from those published at https://github.com/PeizhiYan/Mediapipe_2_Dlib_Landmarks. They were made
symmetric, the jaw's evenly spaced as seen from the front, and where a neighbour on the mesh comes closer to the mean face of
300-W (`tests/pure/test_ibug.py` has its figures) it was taken: inner brows, wings of the nose, lower lip.
"""

from __future__ import annotations

COUNT = 68
# The number of each point's partner on the other side of the face.
MIRRORED = (
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
    26, 25, 24, 23, 22, 21, 20, 19, 18, 17,
    27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55,
    64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip
JAW = tuple(range(17))
# One number of MediaPipe's mesh for each of the points, or two whose middle it is.
ON_MESH: tuple[tuple[int, ...], ...] = (
    (127,), (234, 93), (93, 132), (132, 58), (58, 172), (136,), (150, 149), (176, 148), (152,),
    (400, 377), (379, 378), (365,), (288, 397), (361, 288), (361, 323), (323, 454), (356,),
    (70,), (63,), (105,), (66, 65), (107, 55), (336, 285), (296, 295), (334,), (293,), (300,),
    (168,), (197,), (195, 5), (4,), (98, 75), (97,), (2,), (326,), (327, 305),
    (33,), (160,), (158,), (133,), (153,), (144,), (362,), (385,), (387,), (263,), (373,), (380,),
    (61,), (39,), (37,), (0,), (267,), (269,), (291,), (405,), (314,), (17,), (84,), (181,),
    (78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,),
)  # fmt: skip
