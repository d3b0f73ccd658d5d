#include "foreign_case.h"

#include <stdio.h>

static void add(foreign_case *c, const cx_tensor *t)
{
    cx__origin *o = &c->o.list[c->o.count++];
    int64_t stride = 1;
    *o = (cx__origin){ .s = { .t = *t, .path = "golden" } };
    for (int i = t->ndim - 1; i >= 0; i--) {
        o->s.stride[i] = stride;
        stride *= t->shape[i];
    }
    o->s.span = (size_t)stride;
}

void foreign_open(foreign_case *c, const char *name, cx_tensor *want)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FOREIGN_GOLDEN, name);
    *c = (foreign_case){ 0 };
    CHECK_OK(cx_tensors_open(path, &c->file));
    c->o.list = cx__calloc(cx_tensors_count(c->file), sizeof *c->o.list);
    CHECK(c->o.list);
    for (size_t i = 0; i < cx_tensors_count(c->file); i++) {
        const cx_tensor *t = cx_tensors_at(c->file, i);
        if (strcmp(t->name, "want")) add(c, t);
        else if (want) *want = *t;
    }
    c->weight = cx_tensors_metadata(c->file, "weight");
    c->packed = cx_tensors_metadata(c->file, "packed");
    const char *config = cx_tensors_metadata(c->file, "config");
    CHECK_OK(cx__json_parse(config, strlen(config), "config", &c->config));
}

void foreign_close(foreign_case *c)
{
    cx__origins_free(&c->o);
    json_decref(c->config);
    cx_tensors_close(c->file);
}

cx_status foreign_merge(foreign_case *c)
{
    return cx__foreign_merge(&c->o, c->config, "model/config.json", &c->method);
}

cx__origin *foreign_find(foreign_case *c, const char *name)
{
    for (size_t i = 0; i < c->o.count; i++)
        if (!strcmp(c->o.list[i].s.t.name, name)) return &c->o.list[i];
    return NULL;
}

json_t *foreign_config(foreign_case *c)
{
    json_t *q = json_object_get(c->config, "quantization_config");
    return q ? q : json_object_get(c->config, "quantization");
}
