/* Lines are kept as JSON, so that the table can be as wide as its longest name. */
#include "plan.h"

#include <string.h>

static json_t *shape_json(const cx_convert_module *m)
{
    json_t *shape = json_array();
    for (int i = 0; i < m->ndim && shape; i++)
        json_array_append_new(shape, json_integer(m->shape[i]));
    return shape;
}

int cx_plan_add(void *user, const cx_convert_planned *line)
{
    cx_plan *p = user;
    if (!p->lines) p->lines = json_array();
    json_t *o = json_pack("{s:s, s:o, s:s, s:I, s:I}", "path", line->module.path, "shape",
                          shape_json(&line->module), "dtype", line->dtype, "parameters",
                          (json_int_t)line->parameters, "bytes", (json_int_t)line->bytes);
    if (o && line->mode) {
        json_object_set_new(o, "mode", json_string(line->mode));
        json_object_set_new(o, "bits", json_integer(line->bits));
        json_object_set_new(o, "group_size", json_integer(line->group_size));
        json_object_set_new(o, "kept", json_boolean(line->kept));
    }
    if (o && line->module.source)
        json_object_set_new(o, "source", json_string(line->module.source));
    return json_array_append_new(p->lines, o);
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static long long number_of(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static void shape_text(const json_t *o, char *out, size_t len)
{
    const json_t *shape = json_object_get(o, "shape");
    size_t at = 0;
    *out = '\0';
    for (size_t i = 0; i < json_array_size(shape) && at < len; i++)
        at += (size_t)snprintf(out + at, len - at, "%s%lld", i ? " x " : "",
                               (long long)json_integer_value(json_array_get(shape, i)));
}

static void print_line(const json_t *o, int width)
{
    char shape[128], how[64], bytes[32];
    double parameters = (double)number_of(o, "parameters");
    shape_text(o, shape, sizeof shape);
    snprintf(how, sizeof how, "%s", text_of(o, "dtype"));
    if (json_object_get(o, "mode"))
        snprintf(how, sizeof how, "%s %lld, group %lld%s", text_of(o, "mode"), number_of(o, "bits"),
                 number_of(o, "group_size"),
                 json_is_true(json_object_get(o, "kept")) ? ", kept" : "");
    printf("%-*s  %-18s  %-26s  %9s  %6.3f%s%s\n", width, text_of(o, "path"), shape, how,
           cx_bytes_text((uint64_t)number_of(o, "bytes"), bytes, sizeof bytes),
           (double)number_of(o, "bytes") * 8 / (parameters > 0 ? parameters : 1),
           *text_of(o, "source") ? "  from " : "", text_of(o, "source"));
}

static void print_table(const cx_plan *p, const cx_convert_result *r)
{
    char bytes[32];
    int width = 6;
    const json_t *o;
    size_t i;
    json_array_foreach(p->lines, i, o)
    {
        int len = (int)strlen(text_of(o, "path"));
        if (len > width) width = len;
    }
    printf("%-*s  %-18s  %-26s  %9s  %6s\n", width, "module", "shape", "packing", "bytes", "bits");
    json_array_foreach(p->lines, i, o) print_line(o, width);
    printf("%zu tensors (%zu quantized), %s, %.3f bits per weight\n", r->tensors, r->quantized,
           cx_bytes_text(r->bytes_out, bytes, sizeof bytes), r->bits_per_weight);
}

cx_status cx_plan_print(const cx_plan *p, const cx_convert_result *r)
{
    if (!p->json) return print_table(p, r), CX_OK;
    json_t *v = json_pack("{s:O, s:I, s:I, s:f}", "modules", p->lines, "parameters",
                          (json_int_t)r->parameters, "bytes", (json_int_t)r->bytes_out,
                          "bits_per_weight", r->bits_per_weight);
    cx_status st = cx_output_json(v);
    json_decref(v);
    return st;
}

void cx_plan_free(cx_plan *p)
{
    json_decref(p->lines);
}
