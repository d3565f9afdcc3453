"""First pass over a question: refuse by token, with exact positions, and bound size and nesting before any parser runs.

The second pass (`query.sql`) accepts node by node; this one only gives better names and keeps recursion shallow.
"""

from __future__ import annotations

from typing import Final

from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from query.errors import Position, SqlSyntaxError, SqlUnsupportedError

MAX_SQL_BYTES: Final = 16 * 1024
MAX_TOKENS: Final = 2048
MAX_NESTING: Final = 16  # of parentheses and CASE
MAX_NEGATIONS: Final = 64  # of NOT in all, which the parser nests
MAX_SIGNS: Final = 4  # of minus signs in a row, which it nests, too

_T = TokenType

_STRUCTURE: Final = frozenset({
    _T.SELECT, _T.FROM, _T.JOIN, _T.INNER, _T.ON, _T.WHERE, _T.AND, _T.ALIAS, _T.L_PAREN, _T.R_PAREN, _T.COMMA, _T.DOT,
    _T.STAR, _T.EQ, _T.SEMICOLON, _T.VAR, _T.IDENTIFIER, _T.GROUP_BY, _T.OR, _T.NOT, _T.LT, _T.LTE, _T.GT, _T.GTE,
    _T.NEQ, _T.IN, _T.BETWEEN, _T.IS, _T.CASE, _T.WHEN, _T.THEN, _T.ELSE, _T.END, _T.PLUS, _T.DASH, _T.NUMBER,
    _T.STRING, _T.NULL, _T.TRUE, _T.FALSE, _T.LEFT, _T.OUTER, _T.UNION, _T.ALL,
    _T.HAVING, _T.ORDER_BY, _T.LIMIT, _T.OFFSET, _T.COLON, _T.DISTINCT, _T.ASC, _T.DESC,
})

_JOINS: Final = "write FROM t JOIN u ON t.key = u.key, or LEFT JOIN"
_UNION: Final = "write FROM (SELECT * FROM t UNION ALL SELECT * FROM u) AS v"
_FILTER: Final = "conditions are =, <>, <, <=, >, >=, BETWEEN, IN, IS NULL and boolean columns with AND, OR, NOT"
_NUMBERS: Final = "values are columns and numbers with +, - and *, CASE WHEN … THEN … ELSE … END and WIDTH_BUCKET"

_REFUSED: Final[dict[str, tuple[tuple[TokenType, ...], str]]] = {
    "SORT BY": ((_T.SORT_BY,), "write ORDER BY"),
    "FETCH": ((_T.FETCH,), "write LIMIT"),
    "EXCEPT": ((_T.EXCEPT, _T.INTERSECT), "ask one question at a time"),
    "WITH": ((_T.WITH,), "name the registered tables directly"),
    "XOR": ((_T.XOR,), _FILTER),
    "!": ((_T.EXCLAMATION,), _FILTER),
    "pattern matching": ((_T.LIKE, _T.ILIKE, _T.SIMILAR_TO, _T.RLIKE, _T.IRLIKE, _T.OVERLAPS), _FILTER),
    "comparison": ((_T.NULLSAFE_EQ,), _FILTER),
    "ISNULL": ((_T.ISNULL, _T.NOTNULL), "write IS NULL or IS NOT NULL"),
    "EXISTS": ((_T.EXISTS, _T.ANY, _T.SOME), ""),
    "arithmetic": ((_T.SLASH, _T.MOD, _T.CARET, _T.DIV, _T.DPIPE, _T.AMP, _T.PIPE, _T.TILDE,
                    _T.HASH), _NUMBERS),
    "cast": ((_T.DCOLON,), _NUMBERS),
    "this kind of literal": ((_T.NATIONAL_STRING, _T.RAW_STRING, _T.HEX_STRING, _T.BIT_STRING, _T.BYTE_STRING,
                              _T.HEREDOC_STRING, _T.UNICODE_STRING), "write numbers, and names in single quotes"),
    "parameter": ((_T.PARAMETER, _T.PLACEHOLDER, _T.DOLLAR, _T.SESSION_PARAMETER),
                  "write :name and give its value beside the question"),
    "subscript": ((_T.L_BRACKET, _T.R_BRACKET, _T.L_BRACE, _T.R_BRACE), ""),
    "template": ((_T.BLOCK_START, _T.BLOCK_END), ""),
    "window function": ((_T.OVER, _T.WINDOW, _T.PARTITION_BY), ""),
    "FILTER": ((_T.FILTER,), "put the condition into WHERE, or into CASE WHEN"),
    "QUALIFY": ((_T.QUALIFY,), ""),
    "INTO": ((_T.INTO,), ""),
    "FOR": ((_T.FOR,), ""),
    "TABLESAMPLE": ((_T.TABLE_SAMPLE,), ""),
    "LATERAL": ((_T.LATERAL,), ""),
    "USING": ((_T.USING,), _JOINS),
    "RIGHT JOIN": ((_T.RIGHT,), "exchange the tables and write LEFT JOIN"),
    "FULL JOIN": ((_T.FULL,), _JOINS),
    "CROSS JOIN": ((_T.CROSS,), _JOINS),
    "NATURAL JOIN": ((_T.NATURAL,), _JOINS),
    "this kind of join": ((_T.ASOF, _T.SEMI, _T.ANTI, _T.STRAIGHT_JOIN), _JOINS),
}

_CONSTRUCTS: Final = {kind: (name, hint) for name, (kinds, hint) in _REFUSED.items() for kind in kinds}
_DEPTH: Final = {_T.L_PAREN: 1, _T.R_PAREN: -1, _T.CASE: 1, _T.END: -1}
_WORDS: Final = frozenset(Postgres.Parser.ID_VAR_TOKENS)


def position_of(sql: str, start: int) -> Position:
    """The place of a character offset."""
    before = sql[:start]
    return Position(before.count("\n") + 1, start - before.rfind("\n"))


def check_tokens(sql: str) -> None:
    """Refuse text that is too long, too deep, not one SELECT, or has a token of a construct that is not supported.

    Raises:
        SqlSyntaxError: the text is empty, too long or has no tokens.
        SqlUnsupportedError: a construct is outside the subset.
    """
    try:
        length = len(sql.encode())
    except UnicodeEncodeError as fault:
        raise SqlSyntaxError("the text is not Unicode") from fault
    if length > MAX_SQL_BYTES:
        raise SqlSyntaxError(f"the text is longer than {MAX_SQL_BYTES} bytes")
    try:
        tokens = Postgres().tokenize(sql)
    except SqlglotError as fault:
        raise SqlSyntaxError("the text cannot be read as SQL (an open quote or comment?)") from fault
    if not tokens:
        raise SqlSyntaxError("the text is empty")
    if len(tokens) > MAX_TOKENS:
        raise SqlSyntaxError(f"the text has more than {MAX_TOKENS} words and signs")
    depth, negations, signs = 0, 0, 0
    for number, token in enumerate(tokens):
        _check_token(sql, token, number, [tokens[k].token_type for k in (number - 2, number - 1) if k >= 0])
        if token.token_type is _T.COLON:
            _check_parameter(sql, token, tokens[number + 1] if number + 1 < len(tokens) else None)
        if token.token_type is _T.UNION and (depth == 0 or tokens[(number + 1) % len(tokens)].token_type is not _T.ALL):
            raise SqlUnsupportedError("UNION", position_of(sql, token.start), _UNION)
        depth += _DEPTH.get(token.token_type, 0)
        negations += token.token_type is _T.NOT
        signs = signs + 1 if token.token_type in (_T.DASH, _T.PLUS) else 0
        if depth > MAX_NESTING:
            raise SqlUnsupportedError(f"nesting deeper than {MAX_NESTING}", position_of(sql, token.start))
        if negations > MAX_NEGATIONS or signs > MAX_SIGNS:
            raise SqlUnsupportedError("so many negations", position_of(sql, token.start), "simplify the condition")


def _check_parameter(sql: str, colon: Token, name: Token | None) -> None:
    if name is None or name.start != colon.end + 1 or not name.text.isidentifier() or name.token_type is _T.IDENTIFIER:
        raise SqlUnsupportedError("parameter", position_of(sql, colon.start), "write :name, without a space")


def _check_token(sql: str, token: Token, number: int, before: list[TokenType]) -> None:
    kind, position = token.token_type, position_of(sql, token.start)
    if kind in _CONSTRUCTS:
        construct, hint = _CONSTRUCTS[kind]
        raise SqlUnsupportedError(construct, position, hint)
    if number == 0 and kind is not _T.SELECT:
        raise SqlUnsupportedError("a statement other than SELECT", position)
    if before[-1:] == [_T.SEMICOLON] and kind is not _T.SEMICOLON:
        raise SqlUnsupportedError("more than one statement", position, "ask one question at a time")
    if number and kind is _T.SELECT and before not in ([_T.FROM, _T.L_PAREN], [_T.UNION, _T.ALL]):
        raise SqlUnsupportedError("subquery", position, f"name the registered tables directly, or {_UNION}")
    if kind not in (_T.STRING, _T.IDENTIFIER) and not token.text.isascii():  # some fold into letters of keywords
        raise SqlUnsupportedError(f"{token.text[:32]!r}", position, "put a name in double quotes if it is one")
    if kind is _T.STRING and before[-1:] in ([_T.FROM], [_T.JOIN]):
        raise SqlUnsupportedError("a text as a table", position, "write the table's name, without single quotes")
    if kind is _T.COMMA and before[:1] == [_T.LIMIT]:
        raise SqlUnsupportedError("LIMIT with a comma", position, "write LIMIT number OFFSET number")
    if kind is _T.DISTINCT and before[-1:] != [_T.L_PAREN]:
        raise SqlUnsupportedError("DISTINCT", position, "GROUP BY shows every group once")
    if kind is _T.ALL and before[-1:] != [_T.UNION]:
        raise SqlUnsupportedError("ALL", position)
    if kind not in _STRUCTURE and not (kind in _WORDS and token.text.isidentifier()):
        raise SqlUnsupportedError(f"{token.text[:32]!r}", position, "put a name in double quotes if it is one")
