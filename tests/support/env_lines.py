"""Lines of `.env` and what X is then, to bash, to Python and to Compose alike; FROM comes from the environment."""

FROM = "/elsewhere"
#: From the text of `.env` to the value of X.
VALUES = {
    "X=a b # c": "a b",
    "X='a # b'": "a # b",
    'X="a # b" # c': "a # b",
    "export X=a": "a",
    "X=it's": "it's",
    "X=a#b": "a#b",
    "X=": "",
    "X=1\nX=2": "2",
    "HERE=/d\nX=${HERE}/b.pt": "/d/b.pt",
    "HERE='/d e'\nX=\"${HERE}/b.pt\" # c": "/d e/b.pt",
    "X='${FROM}'": "${FROM}",
    "X='pa$word'": "pa$word",
    "X=${FROM}/${FROM}": "/elsewhere//elsewhere",
    "X=${NONE:-d e}/b": "d e/b",
    "X=${FROM:-d}/b": "/elsewhere/b",
    "X=${NONE}b": "b",
    "X=${X}b": "b",
    "A=${FROM}\nX=${A}/${B}c\nB=later": "/elsewhere/c",
}
#: Texts with a dollar sign that the three would take for different things.
REFUSED = [
    "X=pa$word",
    "X=$FROM/b",
    'X="a$$b"',
    "X=a$",
    "X=${FROM-b}",
    "X=${NONE:?b}",
    'X="a\\$b"',
    "X=${NONE:-${FROM}}",
]
