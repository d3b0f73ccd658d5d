/* The globals that a checkpoint may name, and what calling them means. Source: what torch.save
 * writes (torch/_utils.py, torch/serialization.py, PyTorch 1.0 to 2.13). A list of what is allowed:
 * lists of what is forbidden always miss something. Tested by tests/unit/test_pickle.c. */
#include "format/pickle.h"
#include <inttypes.h>
#include <string.h>

typedef enum role {
    ROLE_DICT,      /* () -> an empty dict */
    ROLE_TENSOR,    /* (storage, offset, size, stride) */
    ROLE_TENSOR_V2, /* ... requires_grad, hooks[, metadata] */
    ROLE_TENSOR_V3, /* ... requires_grad, hooks, dtype[, metadata], of an untyped storage */
    ROLE_PARAMETER, /* (tensor, requires_grad, hooks[, state]) -> the tensor */
    ROLE_SIZE,      /* (tuple) -> the tuple */
    ROLE_DEVICE,
    ROLE_STORAGE, /* not called, but part of a persistent id */
    ROLE_DTYPE    /* a value */
} role;

#define NO PICKLE_UNSUPPORTED
static const struct {
    const char *module, *name;
    role role;
    int dtype;
} globals[] = {
    { "collections", "OrderedDict", ROLE_DICT, 0 },
    { "torch._utils", "_rebuild_tensor", ROLE_TENSOR, 0 },
    { "torch._utils", "_rebuild_tensor_v2", ROLE_TENSOR_V2, 0 },
    { "torch._utils", "_rebuild_tensor_v3", ROLE_TENSOR_V3, 0 },
    { "torch._utils", "_rebuild_parameter", ROLE_PARAMETER, 0 },
    { "torch._utils", "_rebuild_parameter_with_state", ROLE_PARAMETER, 0 },
    { "torch", "Size", ROLE_SIZE, 0 },
    { "torch", "device", ROLE_DEVICE, 0 },
    { "torch.storage", "UntypedStorage", ROLE_STORAGE, PICKLE_UNTYPED },
    { "torch", "FloatStorage", ROLE_STORAGE, CX_F32 },
    { "torch", "DoubleStorage", ROLE_STORAGE, CX_F64 },
    { "torch", "HalfStorage", ROLE_STORAGE, CX_F16 },
    { "torch", "BFloat16Storage", ROLE_STORAGE, CX_BF16 },
    { "torch", "LongStorage", ROLE_STORAGE, CX_I64 },
    { "torch", "IntStorage", ROLE_STORAGE, CX_I32 },
    { "torch", "ShortStorage", ROLE_STORAGE, CX_I16 },
    { "torch", "CharStorage", ROLE_STORAGE, CX_I8 },
    { "torch", "ByteStorage", ROLE_STORAGE, CX_U8 },
    { "torch", "BoolStorage", ROLE_STORAGE, CX_BOOL },
    { "torch", "ComplexFloatStorage", ROLE_STORAGE, CX_C64 },
    { "torch", "ComplexDoubleStorage", ROLE_STORAGE, NO },
    { "torch", "QInt8Storage", ROLE_STORAGE, NO },
    { "torch", "QUInt8Storage", ROLE_STORAGE, NO },
    { "torch", "QInt32Storage", ROLE_STORAGE, NO },
    { "torch", "QUInt4x2Storage", ROLE_STORAGE, NO },
    { "torch", "QUInt2x4Storage", ROLE_STORAGE, NO },
    { "torch", "float32", ROLE_DTYPE, CX_F32 },
    { "torch", "float64", ROLE_DTYPE, CX_F64 },
    { "torch", "float16", ROLE_DTYPE, CX_F16 },
    { "torch", "bfloat16", ROLE_DTYPE, CX_BF16 },
    { "torch", "int64", ROLE_DTYPE, CX_I64 },
    { "torch", "int32", ROLE_DTYPE, CX_I32 },
    { "torch", "int16", ROLE_DTYPE, CX_I16 },
    { "torch", "int8", ROLE_DTYPE, CX_I8 },
    { "torch", "uint8", ROLE_DTYPE, CX_U8 },
    { "torch", "uint16", ROLE_DTYPE, CX_U16 },
    { "torch", "uint32", ROLE_DTYPE, CX_U32 },
    { "torch", "uint64", ROLE_DTYPE, CX_U64 },
    { "torch", "bool", ROLE_DTYPE, CX_BOOL },
    { "torch", "complex64", ROLE_DTYPE, CX_C64 },
    { "torch", "float8_e4m3fn", ROLE_DTYPE, CX_F8_E4M3 },
    { "torch", "float8_e5m2", ROLE_DTYPE, CX_F8_E5M2 },
    { "torch", "float8_e8m0fnu", ROLE_DTYPE, CX_F8_E8M0 },
    { "torch", "float8_e4m3fnuz", ROLE_DTYPE, NO },
    { "torch", "float8_e5m2fnuz", ROLE_DTYPE, NO },
    { "torch", "float4_e2m1fn_x2", ROLE_DTYPE, NO },
    { "torch", "complex32", ROLE_DTYPE, NO },
    { "torch", "complex128", ROLE_DTYPE, NO },
};

static bool equal(const char *text, size_t len, const char *want)
{
    return len == strlen(want) && !memcmp(text, want, len);
}

static int shown(size_t len)
{
    return (int)(len < 100 ? len : 100);
}

cx_status cx__pickle_global(pickle *p, const char *module, size_t module_len, const char *name,
                            size_t name_len, uint32_t *out)
{
    for (uint32_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
        if (!equal(module, module_len, globals[i].module) ||
            !equal(name, name_len, globals[i].name))
            continue;
        return cx__pickle_add(
            p,
            (pickle_node){ .kind = PICKLE_GLOBAL, .dtype = (int8_t)globals[i].dtype, .count = i },
            out);
    }
    return CX_FAIL(CX_EFORMAT, "expected tensors and plain values, found '%.*s.%.*s'",
                   shown(module_len), module, shown(name_len), name);
}

static const pickle_node *node_of(const pickle *p, uint32_t node)
{
    return &p->nodes[node];
}

/* Item i of a tuple that has one of this kind. */
static cx_status need(const pickle *p, uint32_t args, uint32_t i, pickle_kind kind,
                      const char *what, uint32_t *out)
{
    uint32_t item = cx__pickle_item(p, args, i);
    if (node_of(p, item)->kind != kind)
        return CX_FAIL(CX_EFORMAT, "%s: expected %s, found %s", what, cx__pickle_kind_name(kind),
                       cx__pickle_kind(p, item));
    *out = item;
    return CX_OK;
}

static cx_status need_size(const pickle *p, uint32_t args, uint32_t i, const char *what,
                           int64_t *out)
{
    uint32_t item = 0;
    CX_TRY(need(p, args, i, PICKLE_INT, what, &item));
    *out = node_of(p, item)->u.integer;
    if (*out < 0)
        return CX_FAIL(CX_EFORMAT, "%s: expected no negative number, found %" PRId64, what, *out);
    return CX_OK;
}

static cx_status need_role(const pickle *p, uint32_t args, uint32_t i, role r, const char *what,
                           uint32_t *out)
{
    CX_TRY(need(p, args, i, PICKLE_GLOBAL, what, out));
    if (globals[node_of(p, *out)->count].role != r)
        return CX_FAIL(CX_EFORMAT, "%s: expected another type, found '%s'", what,
                       globals[node_of(p, *out)->count].name);
    return CX_OK;
}

/* ---- Storages -------------------------------------------------------------------------------- */

/* ("storage", type, key, location, elements), in the stream before 1.6 with None behind. */
cx_status cx__pickle_persistent(pickle *p, uint32_t id, uint32_t *out)
{
    const pickle_node *n = node_of(p, id);
    uint32_t item = 0, type = 0;
    int64_t numel;
    if (n->kind != PICKLE_TUPLE || (n->count != 5 && n->count != 6))
        return CX_FAIL(CX_EFORMAT,
                       "persistent id: expected a tuple of 5 or 6 items, found %s of %" PRIu32,
                       cx__pickle_kind(p, id), n->count);
    if (!cx__pickle_is(p, cx__pickle_item(p, id, 0), "storage"))
        return CX_FAIL(CX_EFORMAT, "persistent id: expected 'storage' first, found %s",
                       cx__pickle_kind(p, cx__pickle_item(p, id, 0)));
    CX_TRY(need_role(p, id, 1, ROLE_STORAGE, "type of a storage", &type));
    CX_TRY(need(p, id, 2, PICKLE_TEXT, "key of a storage", &item));
    CX_TRY(need(p, id, 3, PICKLE_TEXT, "location of a storage", &item));
    CX_TRY(need_size(p, id, 4, "length of a storage", &numel));
    if (n->count == 6 && node_of(p, cx__pickle_item(p, id, 5))->kind != PICKLE_NONE)
        return CX_FAIL(CX_EUNSUPPORTED,
                       "view of another storage, as PyTorch before 0.4 wrote: load and save "
                       "it with a newer one");
    return cx__pickle_add(
        p, (pickle_node){ .kind = PICKLE_STORAGE, .dtype = node_of(p, type)->dtype, .count = id },
        out);
}

pickle_storage cx__pickle_storage(const pickle *p, uint32_t storage)
{
    const pickle_node *n = node_of(p, storage);
    const pickle_node *key = node_of(p, cx__pickle_item(p, n->count, 2));
    return (pickle_storage){ .key = key->u.text,
                             .key_len = key->count,
                             .dtype = n->dtype,
                             .numel = node_of(p, cx__pickle_item(p, n->count, 4))->u.integer };
}

const char *cx__pickle_type_name(const pickle *p, uint32_t node)
{
    const pickle_node *n = node_of(p, node);
    uint32_t at = n->kind == PICKLE_STORAGE ? 1 : 6;
    uint32_t type;
    if (n->kind == PICKLE_TENSOR) { /* of its own dtype, or of its storage's */
        uint32_t storage = cx__pickle_item(p, n->count, 0);
        if (node_of(p, storage)->dtype != PICKLE_UNTYPED) return cx__pickle_type_name(p, storage);
    }
    type = cx__pickle_item(p, n->count, at);
    return globals[node_of(p, type)->count].name;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

static cx_status check_numbers(const pickle *p, uint32_t tuple, const char *what)
{
    int64_t value;
    const pickle_node *n = node_of(p, tuple);
    if (n->count > CX_MAX_DIMS)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: expected at most %d numbers, found %" PRIu32, what,
                       CX_MAX_DIMS, n->count);
    for (uint32_t i = 0; i < n->count; i++) CX_TRY(need_size(p, tuple, i, what, &value));
    return CX_OK;
}

/* What follows the stride. Metadata would say that the elements are to be negated or conjugated. */
static cx_status check_rest(const pickle *p, role r, uint32_t args, int *dtype)
{
    uint32_t count = node_of(p, args)->count, least = r == ROLE_TENSOR_V3 ? 7 : 6, item = 0;
    if (r == ROLE_TENSOR) return CX_OK;
    CX_TRY(need(p, args, 4, PICKLE_BOOL, "requires_grad", &item));
    CX_TRY(need(p, args, 5, PICKLE_DICT, "hooks", &item));
    if (r == ROLE_TENSOR_V3) {
        CX_TRY(need_role(p, args, 6, ROLE_DTYPE, "dtype", &item));
        *dtype = node_of(p, item)->dtype;
    }
    if (count == least) return CX_OK;
    item = cx__pickle_item(p, args, least);
    if (node_of(p, item)->kind == PICKLE_NONE) return CX_OK;
    CX_TRY(need(p, args, least, PICKLE_DICT, "metadata", &item));
    if (node_of(p, item)->count)
        return CX_FAIL(CX_EUNSUPPORTED,
                       "metadata: expected none, found a lazy negation or the like");
    return CX_OK;
}

static cx_status make_tensor(pickle *p, role r, uint32_t args, uint32_t *out)
{
    uint32_t storage = 0, shape = 0, stride = 0;
    int64_t offset;
    int dtype;
    CX_TRY(need(p, args, 0, PICKLE_STORAGE, "storage", &storage));
    CX_TRY(need_size(p, args, 1, "storage offset", &offset));
    CX_TRY(need(p, args, 2, PICKLE_TUPLE, "shape", &shape));
    CX_TRY(need(p, args, 3, PICKLE_TUPLE, "stride", &stride));
    CX_TRY(check_numbers(p, shape, "shape"));
    CX_TRY(check_numbers(p, stride, "stride"));
    if (node_of(p, shape)->count != node_of(p, stride)->count)
        return CX_FAIL(CX_EFORMAT, "stride: expected %" PRIu32 " numbers, found %" PRIu32,
                       node_of(p, shape)->count, node_of(p, stride)->count);
    dtype = node_of(p, storage)->dtype;
    if ((dtype == PICKLE_UNTYPED) != (r == ROLE_TENSOR_V3))
        return CX_FAIL(CX_EFORMAT, "storage: expected %s one, found '%s'",
                       r == ROLE_TENSOR_V3 ? "an untyped" : "a typed",
                       cx__pickle_type_name(p, storage));
    CX_TRY(check_rest(p, r, args, &dtype));
    return cx__pickle_add(
        p, (pickle_node){ .kind = PICKLE_TENSOR, .dtype = (int8_t)dtype, .count = args }, out);
}

static void get_numbers(const pickle *p, uint32_t tuple, int64_t *out)
{
    const pickle_node *n = node_of(p, tuple);
    uint32_t cell = n->u.list.first;
    for (uint32_t i = 0; i < n->count; i++, cell = p->cells[cell].next)
        out[i] = node_of(p, p->cells[cell].node)->u.integer;
}

pickle_tensor cx__pickle_tensor(const pickle *p, uint32_t tensor)
{
    uint32_t args = node_of(p, tensor)->count;
    uint32_t shape = cx__pickle_item(p, args, 2), stride = cx__pickle_item(p, args, 3);
    pickle_tensor t = { .storage = cx__pickle_item(p, args, 0),
                        .dtype = node_of(p, tensor)->dtype,
                        .offset = node_of(p, cx__pickle_item(p, args, 1))->u.integer,
                        .ndim = (int)node_of(p, shape)->count };
    get_numbers(p, shape, t.shape);
    get_numbers(p, stride, t.stride);
    return t;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static cx_status check_count(const pickle *p, uint32_t args, uint32_t least, uint32_t most,
                             const char *name)
{
    uint32_t count = node_of(p, args)->count;
    if (count < least || count > most)
        return CX_FAIL(CX_EFORMAT,
                       "%s: expected %" PRIu32 " to %" PRIu32 " arguments, found %" PRIu32, name,
                       least, most, count);
    return CX_OK;
}

static cx_status call(pickle *p, role r, const char *name, uint32_t args, uint32_t *out)
{
    static const pickle_node dict = { .kind = PICKLE_DICT,
                                      .u.list = { PICKLE_NOTHING, PICKLE_NOTHING } };
    static const pickle_node device = { .kind = PICKLE_OTHER };
    static const uint8_t least[] = { 0, 4, 6, 7, 3, 1, 1 }, most[] = { 0, 4, 7, 8, 4, 1, 2 };
    if (r >= ROLE_STORAGE)
        return CX_FAIL(CX_EFORMAT, "'%s' is called, which is not a function", name);
    CX_TRY(check_count(p, args, least[r], most[r], name));
    switch (r) {
    case ROLE_DICT: return cx__pickle_add(p, dict, out);
    case ROLE_PARAMETER: return need(p, args, 0, PICKLE_TENSOR, "parameter", out);
    case ROLE_SIZE: return need(p, args, 0, PICKLE_TUPLE, "torch.Size", out);
    case ROLE_DEVICE: return cx__pickle_add(p, device, out);
    default: return make_tensor(p, r, args, out);
    }
}

cx_status cx__pickle_call(pickle *p, uint32_t callable, uint32_t args, uint32_t *out)
{
    const pickle_node *f = node_of(p, callable);
    if (f->kind != PICKLE_GLOBAL)
        return CX_FAIL(CX_EFORMAT, "REDUCE: expected a function, found %s",
                       cx__pickle_kind(p, callable));
    if (node_of(p, args)->kind != PICKLE_TUPLE)
        return CX_FAIL(CX_EFORMAT, "REDUCE: expected a tuple of arguments, found %s",
                       cx__pickle_kind(p, args));
    return call(p, globals[f->count].role, globals[f->count].name, args, out);
}
