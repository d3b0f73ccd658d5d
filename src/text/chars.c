/* Classes of code points: utf8proc's general categories, with the ages of ages.c.
 * Compared with the library on all code points by tests/oracle/golden_tokenizers.py --classes. */
#include "text/parts.h"
#include <utf8proc.h>

/* Major category: 'L' 'M' 'N' 'P' 'S' 'Z' 'C'; what utf8proc is too old for comes from ages.c. */
static char major(uint32_t c)
{
    static const char of[] = "CLLLLLMMMNNNPPPPPPPSSSSZZZCCCC"; /* by utf8proc_category_t */
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    char newer = k == UTF8PROC_CATEGORY_CN ? cx__age_class_15(c) : 0;
    return newer ? newer : of[k];
}

bool cx__char_number(uint32_t c)
{
    return major(c) == 'N';
}

/* A mark for StripAccents, which knows Unicode 9. */
bool cx__char_mark(uint32_t c)
{
    return (major(c) == 'M' && !cx__age_normal_after_9(c)) || c == 0x1CF2 || c == 0x1CF3;
}

bool cx__char_space(uint32_t c)
{
    if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Two changed their category after Unicode 8. */
bool cx__char_punct(uint32_t c)
{
    if (c < 0x80)
        return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') &&
               !((c | 32) >= 'a' && (c | 32) <= 'z');
    return (major(c) == 'P' && !cx__age_punct_after_8(c)) || c == 0x166D || c == 0x111C9;
}

/* Alphabetic besides letters, marks and Nl: the enclosed letters, all of category So. */
static bool enclosed_letter(uint32_t c)
{
    return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
           (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

bool cx__char_word(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    if (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NL) return true; /* L, M, Nd, Nl */
    if (k == UTF8PROC_CATEGORY_CN) return cx__age_class_15(c) != 0;
    return k == UTF8PROC_CATEGORY_PC || c == 0x200C || c == 0x200D || enclosed_letter(c);
}

cx__class cx__char_class(uint32_t c)
{
    char k;
    if (c < 0x80) {
        if ((c | 32) >= 'a' && (c | 32) <= 'z') return CX__LETTER;
        if (c >= '0' && c <= '9') return CX__NUMBER;
        return cx__char_space(c) ? CX__SPACE : CX__OTHER;
    }
    k = major(c);
    if (k == 'L') return CX__LETTER;
    if (k == 'N') return CX__NUMBER;
    return cx__char_space(c) ? CX__SPACE : CX__OTHER;
}
