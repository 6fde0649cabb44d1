"""Code pages of printers that Python has no codec for, and where its codec is older than the printer.

Each table has the characters from 0x80 on. Sources: IBM code pages 851 and 853; Epson's "ESC/POS Command
Reference", page 1.
"""

from __future__ import annotations

KATAKANA = "katakana"  # page 1 while the two-byte mode is off: blocks and lines, half-width kana, signs

TABLES: dict[str, str] = {
    KATAKANA: (
        "▁▂▃▄▅▆▇█▏▎▍▌▋▊▉┼┴┬┤├▔─│▕┌┐└┘╭╮╰╯"
        " ｡｢｣､･ｦｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ"
        "═╞╪╡◢◣◥◤♠♥♦♣●○╱╲╳円年月日時分秒〒市区町村人▒ "
    ),
    "cp851": (
        "ÇüéâäàΆçêëèïîΈÄΉΊ�ΌôöΎûùΏÖÜά£έήίϊΐόύΑΒΓΔΕΖΗ½ΘΙ«»░▒▓│┤ΚΛΜΝ╣║╗╝ΞΟ┐"
        "└┴┬├─┼ΠΡ╚╔╩╦╠═╬ΣΤΥΦΧΨΩαβγ┘┌█▄δε▀ζηθικλμνξοπρσςτ´\xad±υφχ§ψ¸°¨ωϋΰώ■ "
    ),
    "cp853": (
        "ÇüéâäàĉçêëèïîìÄĈÉċĊôöòûùİÖÜĝ£Ĝ×ĵáíóúñÑĞğĤĥ�½Ĵş«»░▒▓│┤ÁÂÀŞ╣║╗╝Żż┐"
        "└┴┬├─┼Ŝŝ╚╔╩╦╠═╬¤��ÊËÈıÍÎÏ┘┌█▄�Ì▀ÓßÔÒĠġµĦħÚÛÙŬŭ�´\xad�ℓŉ˘§÷¸°¨˙�³²■ "
    ),
}
_NEWER = {"cp857": {0xD5: "€"}}  # printers have had it since 1999
_FROM_LATIN_1 = {
    codec: {0x80 + place: character for place, character in enumerate(table)}
    for codec, table in TABLES.items()
}


def decoded(raw: bytes, codec: str) -> str:
    """The characters of `raw`; what the codec does not know becomes U+FFFD."""
    if codec in _FROM_LATIN_1:
        return raw.decode("latin-1").translate(_FROM_LATIN_1[codec])
    for byte, character in _NEWER.get(codec, {}).items():
        if byte in raw:
            return character.join(decoded(part, codec) for part in raw.split(bytes([byte])))
    return raw.decode("gb18030" if codec == "gbk" else codec, "replace")
