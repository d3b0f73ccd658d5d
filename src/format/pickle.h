/* A pickle as a graph of plain values, built without executing anything. Used by torch_*.c. */
#ifndef CX_FORMAT_PICKLE_H
#define CX_FORMAT_PICKLE_H

#include "core/core.h"

typedef enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,   /* 64 bits */
    PICKLE_OTHER, /* a float, bytes, a longer integer, a device: nobody asks for its value */
    PICKLE_TEXT,  /* UTF-8 */
    PICKLE_TUPLE, /* also torch.Size */
    PICKLE_LIST,
    PICKLE_DICT,   /* also an OrderedDict; keys and values take turns */
    PICKLE_GLOBAL, /* an entry of the allow list, pickle_call.c */
    PICKLE_STORAGE,
    PICKLE_TENSOR
} pickle_kind;

/* 16 bytes, since a hostile pickle makes as many as it may. */
typedef struct pickle_node {
    uint8_t kind;
    int8_t dtype;       /* STORAGE, TENSOR, GLOBAL that names one: cx_dtype or one of below */
    bool holds_tensors; /* DICT: some value is a tensor */
    uint32_t count;     /* TEXT: bytes; TUPLE, LIST, DICT: cells; GLOBAL: its number in the list;
                         * STORAGE, TENSOR: the tuple it was made of */
    union {
        int64_t integer;  /* INT, BOOL */
        const char *text; /* TEXT: in the pickle, not terminated */
        struct {
            uint32_t first, last; /* TUPLE, LIST, DICT: cells */
        } list;
    } u;
} pickle_node;
#define PICKLE_UNTYPED (-1)     /* dtype of a storage that holds bytes */
#define PICKLE_UNSUPPORTED (-2) /* a dtype of torch that cx_dtype lacks */

typedef struct pickle_cell {
    uint32_t node, next;
} pickle_cell;
#define PICKLE_NOTHING UINT32_MAX /* no node, no cell */

typedef struct pickle {
    pickle_node *nodes;
    size_t node_count, node_cap;
    pickle_cell *cells;
    size_t cell_count, cell_cap;
    uint32_t root; /* what was pickled */
    size_t len;    /* bytes up to the end of STOP */
} pickle;

/* Reads the pickle that `data` begins with; texts stay there. Whatever is not a plain value or in
 * the allow list of pickle_call.c is refused by name. `where` begins error sentences, each with the
 * position of the opcode. Time and memory are linear in the pickle's length, and there are limits
 * (pickle.c). CX_EFORMAT, CX_EUNSUPPORTED, CX_ETYPE, CX_ELIMIT, CX_ENOMEM. */
cx_status cx__pickle_read(const uint8_t *data, size_t len, const char *where, pickle *out);
void cx__pickle_free(pickle *p);

/* Item i of a TUPLE, LIST or DICT that has so many. */
uint32_t cx__pickle_item(const pickle *p, uint32_t node, uint32_t i);
/* The node is this text. */
bool cx__pickle_is(const pickle *p, uint32_t node, const char *text);
/* "a tuple", for error sentences. */
const char *cx__pickle_kind_name(pickle_kind kind);
const char *cx__pickle_kind(const pickle *p, uint32_t node);

typedef struct pickle_storage {
    const char *key; /* not terminated */
    size_t key_len;
    int dtype; /* cx_dtype, PICKLE_UNTYPED or PICKLE_UNSUPPORTED */
    int64_t numel;
} pickle_storage;
pickle_storage cx__pickle_storage(const pickle *p, uint32_t storage);

/* offset, shape and stride count elements and are >= 0; not checked against the storage. */
typedef struct pickle_tensor {
    uint32_t storage;
    int dtype; /* cx_dtype or PICKLE_UNSUPPORTED */
    int64_t offset;
    int ndim;
    int64_t shape[CX_MAX_DIMS], stride[CX_MAX_DIMS];
} pickle_tensor;
pickle_tensor cx__pickle_tensor(const pickle *p, uint32_t tensor);
/* "QInt8Storage" or "complex128", which gave the storage or tensor its dtype. */
const char *cx__pickle_type_name(const pickle *p, uint32_t node);

/* ---- Among pickle*.c; sentences here lack file and position ---------------------------------- */

/* A tensor takes about 10 nodes and 20 cells, so a file may have 50,000 tensors; the largest have
 * some thousands. */
#define PICKLE_NODES_MAX ((size_t)1 << 20)
cx_status cx__pickle_no_memory(void);
cx_status cx__pickle_too_many(const char *what, size_t max);
cx_status cx__pickle_add(pickle *p, pickle_node node, uint32_t *out);
/* Appends to a TUPLE, LIST or DICT. */
cx_status cx__pickle_append(pickle *p, uint32_t list, uint32_t item);
cx_status cx__pickle_global(pickle *p, const char *module, size_t module_len, const char *name,
                            size_t name_len, uint32_t *out);
cx_status cx__pickle_call(pickle *p, uint32_t callable, uint32_t args, uint32_t *out);
cx_status cx__pickle_persistent(pickle *p, uint32_t id, uint32_t *out);

#endif
