/* Pickles: nothing runs, whatever is not in the allow list is refused by name, and every opcode
 * keeps its bounds. The cases are those that scanners and torch.load itself let through. */
#include "format/pickle.h"
#include "format/torch.h"
#include "torch_bytes.h"
#include <sys/resource.h>
#include <time.h>

typedef struct bad_case {
    const char *bytes;
    size_t len;
    cx_status status;
    const char *says;
} bad_case;
#define BAD(text, status, says)                                                                    \
    {                                                                                              \
        text, sizeof(text) - 1, status, says                                                       \
    }
#define NO(text, says) BAD(text, CX_EFORMAT, says)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* A copy of exactly its size, which is freed. */
static cx_status read_copy(const void *bytes, size_t len, pickle *out)
{
    uint8_t *copy = malloc(len + !len);
    cx_status st;
    if (len) memcpy(copy, bytes, len);
    st = cx__pickle_read(copy, len, "m: data.pkl", out);
    free(copy);
    return st;
}

static void refuse_bytes(const void *bytes, size_t len, cx_status status, const char *says)
{
    pickle out = { .node_count = 77 };
    cx_status st = read_copy(bytes, len, &out);
    if (st != status)
        fail_msg("got %s (%s), expected %s (%s)", cx_status_name(st), cx_error(),
                 cx_status_name(status), says);
    CHECK_INT(out.node_count, 77);
    CHECK(!strncmp(cx_error(), "m: data.pkl: byte ", 18));
    CHECK_HAS(cx_error(), says);
}

static void refuse(const bad_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        refuse_bytes(cases[i].bytes, cases[i].len, cases[i].status, cases[i].says);
}

#define MAKE(name, ...)                                                                            \
    TEST(pickle, name)                                                                             \
    {                                                                                              \
        static const bad_case cases[] = { __VA_ARGS__ };                                           \
        refuse(cases, COUNT(cases));                                                               \
    }

MAKE(os_system_by_reduce_is_refused,
     NO("\x80\2cposix\nsystem\nX\2\0\0\0id\x85R.", "byte 2: expected tensors and plain values, "
                                                   "found 'posix.system'"),
     NO("\x80\2cos\nsystem\n.", "found 'os.system'"), NO("cbuiltins\neval\n.", "builtins.eval"),
     NO("c__builtin__\nexec\n.", "__builtin__.exec"),
     NO("cimportlib\nimport_module\n.", "importlib.import_module"),
     NO("c_codecs\nencode\n.", "_codecs.encode"), NO("ctorch\nload\n.", "torch.load"),
     NO("ctorch.hub\nload\n.", "torch.hub.load"),
     NO("ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes"))

MAKE(dotted_names_are_refused, NO("ctorch\nSize.__class__\n.", "'torch.Size.__class__'"),
     NO("ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "__globals__"),
     NO("\x8c\5torch\x8c\12prod.a.abc\x93.", "'torch.prod.a.abc'"),
     NO("c\ntorch.Size\n.", "'.torch.Size'"), NO("ctorch\n\n.", "'torch.'"),
     NO("ctorch.Size\n\n.", "found"))

MAKE(stack_global_is_refused_through_the_memo_too,
     NO("\x80\4\x8c\5posix\x8c\6system\x93.", "'posix.system'"),
     NO("\x80\4\x8c\6system\x94\x8c\5posix\x94h\1h\0\x93.", "'posix.system'"),
     NO("\x80\4\x8c\5torch\x94\x8c\4Size\x94\x93\x94\x8c\2osq\0h\0\x8c\6system\x93.",
        "'os.system'"),
     NO("\x80\4K\1\x8c\6system\x93.", "two texts, found an integer and a text"),
     NO("\x80\4\x8c\5torch)\x93.", "found a text and a tuple"))

MAKE(opcodes_that_run_code_are_refused, NO("\x80\2(X\2\0\0\0idiposix\nsystem\n.", "found INST"),
     NO("\x80\2(cposix\nsystem\nX\2\0\0\0ido.", "posix.system"), NO("(NNo.", "found OBJ"),
     NO("ctorch\nSize\n)\x81.", "found NEWOBJ"), NO("ctorch\nSize\n)}\x92.", "found NEWOBJ_EX"),
     NO("\x80\2\x82\1.", "found EXT1"), NO("\x80\2\x83\1\0.", "found EXT2"),
     NO("\x80\2\x84\1\0\0\0.", "found EXT4"), NO("Pabc\n.", "found PERSID"),
     NO("\x80\5\x97.", "found NEXT_BUFFER"), NO("\x80\5\x98.", "found READONLY_BUFFER"),
     NO("N2\x86.", "found DUP"), NO("NN0.", "found POP"), NO("(N1.", "found POP_MARK"))

MAKE(protocol_0_is_refused, NO("S'a'\n.", "found STRING"), NO("Va\n.", "found UNICODE"),
     NO("F1.5\n.", "found FLOAT"), NO("(d.", "found DICT"), NO("(l.", "found LIST"),
     NO("Np0\n.", "found PUT"), NO("g0\n.", "found GET"))

MAKE(build_sets_no_attributes,
     NO("ctorch\nSize\n}b.", "BUILD: expected a dict and its attributes, "
                             "found a type and a dict"),
     NO(TB_GOOD "}b.", "found a tensor and a dict"), NO("]}b.", "found a list and a dict"),
     NO("}Nb.", "found a dict and None"),
     NO("}N}\x86"
        "b.",
        "found a dict and a tuple"))

MAKE(setitem_on_what_is_no_dict_is_refused,
     NO("]K\0K\1s.", "expected a dict to add to, found a list"),
     NO(TB_GOOD "K\0K\1s.", "found a tensor"), NO("NK\0K\1s.", "found None"),
     NO(TB_FLOATS "(K\0K\1u.", "found a storage"), NO("ctorch\nSize\nK\0K\1s.", "found a type"),
     NO("}K\0a.", "expected a list to add to, found a dict"), NO(")K\0a.", "found a tuple"),
     NO(")(K\0e.", "found a tuple"), NO("}(K\0u.", "a key alone"))

MAKE(persistent_id_of_wrong_shape_is_refused,
     NO("NQ.", "persistent id: expected a tuple of 5 or 6 items, found None"),
     NO("X\1\0\0\0aQ.", "found a text"), NO(")Q.", "found a tuple of 0"),
     NO("(X\6\0\0\0moduleNNNNtQ.", "expected 'storage' first"), NO("(NNNNNtQ.", "'storage' first"),
     NO("(X\7\0\0\0storageNNNNtQ.", "type of a storage: expected a type, found None"),
     NO("(X\7\0\0\0storagectorch\nSize\nX\1\0\0\0000NK\1tQ.",
        "expected another type, found 'Size'"),
     NO("(X\7\0\0\0storagectorch\nfloat32\nX\1\0\0\0000NK\1tQ.", "found 'float32'"),
     NO("(X\7\0\0\0storagectorch\nHalfStorage\nK\0X\0\0\0\0K\1tQ.", "key of a storage"),
     NO("(X\7\0\0\0storagectorch\nHalfStorage\nX\1\0\0\0000NK\1tQ.", "location of a storage"),
     NO(TB_STORAGE("torch\nHalfStorage", "N") ".", "length of a storage: expected an integer"),
     NO(TB_STORAGE("torch\nHalfStorage", "J\xff\xff\xff\xff") ".", "no negative number, found -1"),
     NO(TB_STORAGE("torch\nHalfStorage", "\x8a\x09\0\0\0\0\0\0\0\0\1") ".", "found a value"),
     BAD(TB_STORAGE("torch\nHalfStorage", "K\1)") ".", CX_EUNSUPPORTED, "view of another storage"))

MAKE(protocols_above_5_are_refused,
     BAD("\x80\xc8N.", CX_EUNSUPPORTED,
         "protocol: expected at most 5, "
         "found 200"),
     BAD("\x80\6N.", CX_EUNSUPPORTED, "found 6"), NO("N\x80\2.", "at the beginning only"))

MAKE(frames_that_lie_are_refused,
     NO("\x80\4\x95\3\0\0\0\0\0\0\0N.", "frame: expected at most 2 bytes, found 3"),
     NO("\x80\4\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", "found 18446744073709551615"),
     NO("\x80\4\x95\1\0\0\0\0\0\0\0K\1.", "ends in an opcode"),
     NO("\x80\4\x95\3\0\0\0\0\0\0\0N..", "expected the end of the frame, found 1 bytes more"),
     NO("\x80\4\x95\x0b\0\0\0\0\0\0\0\x95\1\0\0\0\0\0\0\0N.", "a frame begins in a frame"),
     NO("\x80\4\x95\1\0\0", "ends in an opcode"))

MAKE(lengths_beyond_the_pickle_are_refused,
     NO("\x8b\0\0\0\x80.", "expected at most 1 bytes, found a length of 2147483648"),
     NO("\x8b\xff\xff\xff\xff.", "found a length of 4294967295"), NO("\x8a\5\1.", "length of 5"),
     NO("\x8d\0\0\0\0\0\0\0\x80.", "found a length of 9223372036854775808"),
     NO("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "length of 18446744073709551615"),
     NO("\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "length of 18446744073709551615"),
     NO("X\xff\xff\xff\xff"
        "a.",
        "length of 4294967295"),
     NO("T\xff\xff\xff\xff"
        "a.",
        "4294967295"),
     NO("B\2\0\0\0a", "length of 2"), NO("C\2a", "length of 2"), NO("U\2a", "length of 2"),
     NO("\x8c\2a", "length of 2"), NO("J\1\2\3", "ends in an opcode"), NO("K", "ends in an opcode"),
     NO("M\1", "ends in an opcode"), NO("G\1\2\3\4\5\6\7", "ends in an opcode"))

MAKE(memo_numbers_are_checked,
     NO("Nr\xff\xff\xff\xff.", "memo: expected a number that counts up, "
                               "found 4294967295"),
     NO("Nr\0\0\1\0.", "found 65536"), NO("h\0.", "expected a number that was put, found 0"),
     NO("Nq\0h\1.", "that was put, found 1"), NO("Nq\0j\xff\xff\xff\xff.", "found 4294967295"),
     NO("q\0.", "expected 1 values on the stack"), NO("\x94.", "expected 1 values on the stack"),
     NO("(q\0.", "expected 1 values on the stack, found 0"))

MAKE(stack_underflow_is_refused_at_every_opcode, NO(".", "STOP: expected one value on the stack"),
     NO("NN.", "STOP: expected one value on the stack, found 2"), NO("N(.", "and 1 marks"),
     NO("R.", "expected 2 values"), NO("NR.", "expected 2 values"), NO("b.", "expected 2 values"),
     NO("Nb.", "expected 2 values"), NO("a.", "expected 2 values"), NO("]a.", "expected 2 values"),
     NO("s.", "expected 3 values"), NO("}Ns.", "expected 3 values"), NO("Q.", "expected 1 values"),
     NO("\x93.", "expected 2 values"), NO("\x85.", "expected 1 values"),
     NO("N\x86.", "expected 2 values"), NO("NN\x87.", "expected 3 values"),
     NO("N(N\x86.", "expected 2 values on the stack, found 1"), NO("N(R.", "found 0"),
     NO("](Na.", "expected 2 values on the stack, found 1"), NO("}(NNs.", "found 2"),
     NO("(e.", "expected a value below the mark"), NO("(u.", "expected a value below the mark"),
     NO("N((e.", "expected a value below the mark"))

MAKE(missing_mark_is_refused, NO("t.", "expected a mark, found none"),
     NO("]Ne.", "expected a mark"), NO("}NNu.", "expected a mark"))

MAKE(calls_with_wrong_arguments_are_refused, NO("N)R.", "REDUCE: expected a function, found None"),
     NO(TB_GOOD ")R.", "REDUCE: expected a function, found a tensor"),
     NO("ctorch\nSize\n]R.", "REDUCE: expected a tuple of arguments, found a list"),
     NO("ctorch\nSize\n)R.", "Size: expected 1 to 1 arguments, found 0"),
     NO("ctorch\nSize\nN\x85R.", "torch.Size: expected a tuple, found None"),
     NO("ccollections\nOrderedDict\nN\x85R.", "OrderedDict: expected 0 to 0 arguments, found 1"),
     NO("ctorch\nfloat32\n)R.", "'float32' is called"),
     NO("ctorch\nFloatStorage\n)R.", "'FloatStorage' is called"), NO(TB_V2 ")R.", "found 0"),
     NO("ctorch._utils\n_rebuild_parameter\n(N\x89}tR.",
        "parameter: expected a tensor, found None"),
     NO("ctorch._utils\n_rebuild_tensor\n(" TB_FLOATS "K\0)tR.", "expected 4 to 4 arguments"))

MAKE(tensors_of_wrong_parts_are_refused,
     NO(TB_V2 "(NK\0))\x89" TB_DICT "tR.", "storage: expected a storage, found None"),
     NO(TB_TENSOR("N", "K\4\x85", "K\1\x85") ".",
        "storage offset: expected an integer, found None"),
     NO(TB_TENSOR("J\xff\xff\xff\xff", ")", ")") ".", "storage offset: expected no negative"),
     NO(TB_TENSOR("K\0", "]", ")") ".", "shape: expected a tuple, found a list"),
     NO(TB_TENSOR("K\0", "N\x85", "K\1\x85") ".", "shape: expected an integer, found None"),
     NO(TB_TENSOR("K\0", "J\xfe\xff\xff\xff\x85", "K\1\x85") ".",
        "shape: expected no negative number"),
     NO(TB_TENSOR("K\0", "K\4\x85", "J\xff\xff\xff\xff\x85") ".",
        "stride: expected no negative number, found -1"),
     NO(TB_TENSOR("K\0", "K\4\x85", ")") ".", "stride: expected 1 numbers, found 0"),
     NO(TB_TENSOR("K\0", "K\4\x85", "K\1K\1\x86") ".", "stride: expected 1 numbers, found 2"),
     NO(TB_TENSOR("K\0", "\x8a\x08\0\0\0\0\0\0\0\x80\x85", "K\1\x85") ".", "no negative number"),
     NO(TB_TENSOR("K\0", "\x8a\x09\0\0\0\0\0\0\0\x80\0\x85", "K\1\x85") ".", "found a value"),
     BAD(TB_TENSOR("K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", ")") ".", CX_EUNSUPPORTED, "at most 8"),
     NO(TB_V2 "(" TB_FLOATS "K\0))K\0" TB_DICT "tR.", "requires_grad: expected a bool"),
     NO(TB_V2 "(" TB_FLOATS "K\0))\x89NtR.", "hooks: expected a dict, found None"),
     BAD(TB_V2 "(" TB_FLOATS "K\0))\x89" TB_DICT "}X\3\0\0\0neg\x88stR.", CX_EUNSUPPORTED,
         "metadata: expected none"))

MAKE(dtype_that_contradicts_the_storage_is_refused,
     NO(TB_V3 "(" TB_FLOATS "K\0))\x89" TB_DICT "ctorch\nuint16\ntR.",
        "storage: expected an untyped"),
     NO(TB_V2 "(" TB_STORAGE("torch.storage\nUntypedStorage", "K\4") "K\0))\x89" TB_DICT "tR.",
        "storage: expected a typed one, found 'UntypedStorage'"),
     NO(TB_V3 "(" TB_STORAGE("torch.storage\nUntypedStorage", "K\4") "K\0))\x89" TB_DICT "NtR.",
        "dtype: expected a type, found None"),
     NO(TB_V3 "(" TB_STORAGE("torch.storage\nUntypedStorage", "K\4") "K\0))\x89" TB_DICT
                                                                     "ctorch\nSize\ntR.",
        "dtype: expected another type, found 'Size'"))

MAKE(text_that_is_not_utf8_is_refused, NO("X\1\0\0\0\xff.", "expected UTF-8"),
     NO("\x8c\2\xc0\x80.", "expected UTF-8"), NO("\x8c\3\xed\xa0\x80.", "expected UTF-8"))

MAKE(decimal_integers_are_strict, NO("I\n.", "decimal"), NO("I-\n.", "decimal"),
     NO("I1x\n.", "decimal"), NO("I 1\n.", "decimal"), NO("LL\n.", "decimal"),
     NO("I12", "expected a line"), NO("I0x10\n.", "decimal"))

MAKE(other_bytes_are_refused, NO("", "ends without STOP"), NO("N", "ends without STOP"),
     NO("\xff.", "expected an opcode, found byte 0xff"), NO("\0", "found byte 0x00"),
     NO("\x8f.", "found EMPTY_SET"), NO("ctorch\nSize", "expected a line"))

static uint8_t *repeated(const char *unit, size_t unit_len, size_t count, size_t *len)
{
    uint8_t *data = malloc(unit_len * count);
    CHECK(data != NULL);
    for (size_t i = 0; i < count; i++) memcpy(data + i * unit_len, unit, unit_len);
    *len = unit_len * count;
    return data;
}

/* Refused within a second and 64 MB: the heap of the test grows by less. */
static void refuse_many(const char *unit, size_t unit_len, size_t count, const char *says)
{
    size_t len;
    uint8_t *data = repeated(unit, unit_len, count, &len);
    struct rusage before, after;
    pickle out;
    clock_t begin = clock();
    getrusage(RUSAGE_SELF, &before);
    CHECK_INT(cx__pickle_read(data, len, "m: data.pkl", &out), CX_ELIMIT);
    CHECK(clock() - begin < CLOCKS_PER_SEC);
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 64 * 1024);
    CHECK_HAS(cx_error(), says);
    free(data);
}

TEST(pickle, ten_million_marks_end_early)
{
    refuse_many("(", 1, 10000000, "at most 4096 marks");
}

TEST(pickle, bombs_end_early)
{
    refuse_many("N", 1, 10000000, "values");
    refuse_many("}", 1, 10000000, "values");
    refuse_many("N\x85", 2, 10000000, "values");
    refuse_many("]q\0(h\0h\0e", 9, 1000000, "values");
    refuse_many("N\x85\x94", 3, 5000000, "values");
    refuse_many("(", 1, 40000000, "marks");
}

TEST(pickle, items_of_one_list_are_limited)
{
    size_t len;
    uint8_t *items = repeated("h\0h\0h\0h\0e(", 10, 400000, &len);
    tb b = { NULL, 0 };
    pickle out;
    tb_put(&b, "]q\0(", 4);
    tb_put(&b, items, len);
    CHECK_INT(cx__pickle_read(b.data, b.len, "m", &out), CX_ELIMIT);
    CHECK_HAS(cx_error(), "at most 1048576 items");
    free(items);
    free(b.data);
}

TEST(pickle, pickle_over_32_mib_is_refused)
{
    size_t len = (33u << 20) + 3;
    uint8_t *data = calloc(1, len);
    pickle out;
    memcpy(data, "N.", 2);
    CHECK_OK(cx__pickle_read(data, len, "m", &out)); /* what follows is not its matter */
    CHECK_INT(out.len, 2);
    cx__pickle_free(&out);
    for (size_t i = 0; i < 16500; i++) memcpy(data + i * 2048, "h\0", 2);
    data[0] = 'N', data[1] = 'q', data[2] = 0;
    for (size_t i = 3; i + 1 < len; i += 2) data[i] = 'q', data[i + 1] = 0;
    CHECK_INT(cx__pickle_read(data, len, "m", &out), CX_EFORMAT);
    data[(32u << 20) - 1] = 'N'; /* so that the limit is between two opcodes */
    CHECK_INT(cx__pickle_read(data, len, "m", &out), CX_ELIMIT);
    CHECK_HAS(cx_error(), "at most 33554432 bytes");
    free(data);
}

TEST(pickle, self_referencing_list_is_a_value)
{
    static const char bytes[] = "]q\0h\0a.";
    pickle out;
    CHECK_OK(cx__pickle_read((const uint8_t *)bytes, sizeof bytes - 1, "m", &out));
    CHECK_INT(out.nodes[out.root].kind, PICKLE_LIST);
    CHECK_INT(cx__pickle_item(&out, out.root, 0), out.root);
    cx__pickle_free(&out);
}

TEST(pickle, integers_of_all_forms)
{
    static const struct {
        const char *bytes;
        size_t len;
        int64_t value;
    } cases[] = {
        { "K\xff.", 3, 255 },
        { "M\xff\xff.", 4, 65535 },
        { "J\xff\xff\xff\xff.", 6, -1 },
        { "\x8a\0.", 3, 0 },
        { "\x8a\1\xff.", 4, -1 },
        { "\x8a\2\xff\0.", 5, 255 },
        { "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.", 11, INT64_MAX },
        { "\x8a\x08\0\0\0\0\0\0\0\x80.", 11, INT64_MIN },
        { "\x8b\1\0\0\0\x80.", 7, -128 },
        { "I-12\n.", 6, -12 },
        { "L1099511627776L\n.", 17, INT64_C(1) << 40 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pickle out;
        CHECK_OK(cx__pickle_read((const uint8_t *)cases[i].bytes, cases[i].len, "m", &out));
        CHECK_INT(out.nodes[out.root].kind, PICKLE_INT);
        CHECK(out.nodes[out.root].u.integer == cases[i].value);
        cx__pickle_free(&out);
    }
}

TEST(pickle, bytes_of_python_2_are_a_value)
{
    static const char bytes[] = "U\1\xff.";
    pickle out;
    CHECK_OK(cx__pickle_read((const uint8_t *)bytes, sizeof bytes - 1, "m", &out));
    CHECK_INT(out.nodes[out.root].kind, PICKLE_OTHER);
    cx__pickle_free(&out);
}
