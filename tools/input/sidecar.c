/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the sidecar with json-c, which does not round unsigned 64-bit numbers.
 * Fields that are not used are not checked.
 * Invariant: each error names its field, as in "contexts[2].cr3".
 */
#include "sidecar.h"
#include "base/base.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_MOST ((size_t)512 << 20)

struct reader {
	struct sidecar *side;
	const char *path;
	struct err *err;
};

#define INSTEAD_OF_RAM "Correct the field, or leave all of ram[] out and give --ram SIZE."

/* What a user can do about a wrong field, by the beginning of its name. */
static const struct {
	const char *begin, *hint;
} instead[] = {
	{ "cpus", "Correct the field, or leave it out and give --cr0, --cr3, --cr4 or --efer." },
	{ "cr", "Correct the field, or leave it out and give --cr0, --cr3 or --cr4." },
	{ "efer", "Correct the field, or leave it out and give --efer." },
	{ "ram", INSTEAD_OF_RAM },
	{ "contexts",
	  "Correct the field, or leave this context out: the others are checked then." },
	{ "op", "Correct the field, or run without --per-op." },
	{ "core", "Correct the field: it is the name of the dump beside the JSON." },
};

/* Reports what is wrong with a field.  Returns -1. */
static int bad(struct reader *r, const char *field, const char *what)
{
	err_input(r->err, "%s: %s: %s", r->path, field, what);
	for (unsigned i = 0; i < sizeof(instead) / sizeof(*instead); i++)
		if (strncmp(field, instead[i].begin, strlen(instead[i].begin)) == 0)
			return err_hint(r->err, "%s", instead[i].hint);
	return -1;
}

static void *array_of(struct reader *r, size_t nr, size_t size)
{
	void *p = calloc(nr ? nr : 1, size);

	if (!p)
		err_input(r->err, "%s: out of memory", r->path);
	return p;
}

/* Reads a number: a whole one, or a string of hexadecimal digits. */
static int number(struct reader *r, struct json_object *o, const char *field, uint64_t *value)
{
	const char *text = json_object_get_string(o);

	if (json_object_is_type(o, json_type_int)) {
		if (text[0] == '-')
			return bad(r, field, "a negative number");
		*value = json_object_get_uint64(o);
		return 0;
	}
	if (!json_object_is_type(o, json_type_string))
		return bad(r, field, "not a whole number, nor hexadecimal digits in quotes");
	return parse_hex(text, value) < 0
		       ? bad(r, field,
			     "not a hexadecimal number in quotes, nor a whole number without")
		       : 0;
}

static int member(struct reader *r, struct json_object *o, const char *key, const char *prefix,
		  uint64_t *value)
{
	struct json_object *v;
	char field[96];

	snprintf(field, sizeof(field), "%s%s%s", prefix, *prefix ? "." : "", key);
	if (!json_object_object_get_ex(o, key, &v))
		return bad(r, field, "missing");
	return number(r, v, field, value);
}

/* An optional string: a file name, so without a slash. */
static int file_name(struct reader *r, struct json_object *o, const char *key, const char *prefix,
		     char **out)
{
	struct json_object *v;
	char field[96];

	*out = NULL;
	if (!json_object_object_get_ex(o, key, &v) || json_object_is_type(v, json_type_null))
		return 0;
	snprintf(field, sizeof(field), "%s%s%s", prefix, *prefix ? "." : "", key);
	if (!json_object_is_type(v, json_type_string))
		return bad(r, field, "not a string");
	if (strchr(json_object_get_string(v), '/'))
		return bad(r, field, "a file name must not have a /");
	*out = strdup(json_object_get_string(v));
	return *out ? 0 : bad(r, field, "out of memory");
}

/* Returns 1 with the array in *v, 0 if there is none, -1: *err. */
static int array(struct reader *r, struct json_object *o, const char *key, const char *field,
		 struct json_object **v)
{
	if (!json_object_object_get_ex(o, key, v))
		return 0;
	return json_object_is_type(*v, json_type_array) ? 1 : bad(r, field, "not an array");
}

static int take_regs(struct reader *r, struct json_object *o, const char *prefix,
		     struct known_regs *out)
{
	static const struct {
		const char *key;
		unsigned reg;
	} keys[] = {
		{ "cr0", KNOWN_CR0 }, { "cr2", KNOWN_CR2 },   { "cr3", KNOWN_CR3 },
		{ "cr4", KNOWN_CR4 }, { "efer", KNOWN_EFER },
	};

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		uint64_t value;

		if (!json_object_object_get_ex(o, keys[i].key, NULL))
			continue;
		if (member(r, o, keys[i].key, prefix, &value) < 0)
			return -1;
		regs_set(out, keys[i].reg, value);
	}
	return 0;
}

static int take_cpus(struct reader *r, struct json_object *root)
{
	struct sidecar *side = r->side;
	struct json_object *cpus, *regs;
	struct known_regs common = { 0 };
	int have = array(r, root, "cpus", "cpus", &cpus);

	/* Top-level registers hold for every vCPU that does not say otherwise. */
	if (have < 0 || take_regs(r, root, "", &common) < 0)
		return -1;
	if (!have && !common.known)
		return 0;
	side->nr_cpus = have ? json_object_array_length(cpus) : 1;
	side->cpu = array_of(r, side->nr_cpus, sizeof(*side->cpu));
	if (!side->cpu)
		return -1;
	for (size_t i = 0; i < side->nr_cpus; i++) {
		char prefix[48];

		side->cpu[i] = common;
		snprintf(prefix, sizeof(prefix), "cpus[%zu].regs", i);
		if (!have)
			continue;
		if (!json_object_object_get_ex(json_object_array_get_idx(cpus, i), "regs", &regs) ||
		    !json_object_is_type(regs, json_type_object))
			return bad(r, prefix, "missing");
		if (take_regs(r, regs, prefix, &side->cpu[i]) < 0)
			return -1;
	}
	return 0;
}

static int take_ram(struct reader *r, struct json_object *root)
{
	struct json_object *ram;
	int have = array(r, root, "ram", "ram", &ram);

	for (size_t i = 0; have > 0 && i < json_object_array_length(ram); i++) {
		struct json_object *o = json_object_array_get_idx(ram, i);
		char prefix[48], where[480];
		uint64_t gpa, size;

		snprintf(prefix, sizeof(prefix), "ram[%zu]", i);
		snprintf(where, sizeof(where), "%.400s: %s", r->path, prefix);
		if (member(r, o, "gpa", prefix, &gpa) < 0 ||
		    member(r, o, "size", prefix, &size) < 0 ||
		    ranges_add(&r->side->ram, gpa, size, where, r->err) < 0)
			return err_hint(r->err, "%s", INSTEAD_OF_RAM);
	}
	return have < 0 ? -1 : 0;
}

/* A sample is a pair: a virtual address, and its GPA or null. */
static int take_sample(struct reader *r, struct json_object *pair, const char *field,
		       struct sidecar_sample *out)
{
	struct json_object *gpa;

	if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
		return bad(r, field, "not a pair of addresses");
	gpa = json_object_array_get_idx(pair, 1);
	out->mapped = gpa != NULL;
	if (number(r, json_object_array_get_idx(pair, 0), field, &out->va) < 0)
		return -1;
	return gpa ? number(r, gpa, field, &out->gpa) : 0;
}

static int take_samples(struct reader *r, struct json_object *o, const char *prefix,
			struct sidecar_context *c)
{
	struct json_object *list;
	char field[96];
	int have;

	snprintf(field, sizeof(field), "%s.gva2gpa", prefix);
	have = array(r, o, "gva2gpa", field, &list);
	if (have <= 0)
		return have;
	c->nr_samples = json_object_array_length(list);
	c->sample = array_of(r, c->nr_samples, sizeof(*c->sample));
	for (size_t i = 0; c->sample && i < c->nr_samples; i++) {
		snprintf(field, sizeof(field), "%s.gva2gpa[%zu]", prefix, i);
		if (take_sample(r, json_object_array_get_idx(list, i), field, &c->sample[i]) < 0)
			return -1;
	}
	return c->sample ? 0 : -1;
}

static int take_contexts(struct reader *r, struct json_object *root)
{
	struct sidecar *side = r->side;
	struct json_object *list;
	int have = array(r, root, "contexts", "contexts", &list);

	if (have <= 0)
		return have;
	side->nr_contexts = json_object_array_length(list);
	side->context = array_of(r, side->nr_contexts, sizeof(*side->context));
	for (size_t i = 0; side->context && i < side->nr_contexts; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct sidecar_context *c = &side->context[i];
		char prefix[48];

		snprintf(prefix, sizeof(prefix), "contexts[%zu]", i);
		if (!json_object_is_type(o, json_type_object))
			return bad(r, prefix, "not an object");
		if (member(r, o, "cr3", prefix, &c->cr3) < 0 ||
		    file_name(r, o, "golden", prefix, &c->golden) < 0 ||
		    file_name(r, o, "infomem", prefix, &c->infomem) < 0 ||
		    take_samples(r, o, prefix, c) < 0)
			return -1;
	}
	return side->context ? 0 : -1;
}

static int is_word(uint8_t c)
{
	return isalnum(c) || c == '.' || c == '+' || c == '-';
}

/* Whether the word is a decimal number above UINT64_MAX. */
static int is_too_large(const uint8_t *word, size_t len)
{
	static const char most[] = "18446744073709551615";
	const size_t digits = sizeof(most) - 1;

	for (size_t i = 0; i < len; i++)
		if (!isdigit(word[i]))
			return 0;
	return len > digits || (len == digits && memcmp(word, most, digits) > 0);
}

/*
 * json-c silently takes UINT64_MAX for a larger number.  Returns where one stands, or the text's
 * size.
 */
static size_t find_too_large(const struct bytes *text)
{
	const uint8_t *d = text->data;
	size_t i = 0, start;

	while (i < text->size) {
		start = i;
		while (i < text->size && is_word(d[i]))
			i++;
		if (is_too_large(d + start, i - start))
			return start;
		if (i > start)
			continue;
		if (d[i++] != '"')
			continue;
		while (i < text->size && d[i] != '"')
			i += d[i] == '\\' ? 2 : 1;
		i++;
	}
	return text->size;
}

static struct json_object *parse(const struct bytes *text, const char *path, struct err *err)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *root, *good = NULL;
	enum json_tokener_error why;
	size_t large = find_too_large(text);

	if (!tok) {
		err_input(err, "%s: out of memory", path);
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(tok, (const char *)text->data, (int)text->size);
	why = json_tokener_get_error(tok);
	if (why != json_tokener_success)
		err_input(err, "%s: bad JSON at byte %zu: %s", path,
			  json_tokener_get_parse_end(tok),
			  why == json_tokener_continue ? "the text ends too early"
						       : json_tokener_error_desc(why));
	else if (json_tokener_get_parse_end(tok) != text->size) /* json-c stops at a zero byte */
		err_input(err, "%s: bad JSON at byte %zu: it goes on after its end", path,
			  json_tokener_get_parse_end(tok));
	else if (large < text->size)
		err_input(err, "%s: bad JSON at byte %zu: a number of more than 64 bits", path,
			  large);
	else if (!json_object_is_type(root, json_type_object))
		err_input(err, "%s: bad JSON at byte 0: not an object", path);
	else
		good = root;
	json_tokener_free(tok);
	if (!good) {
		(void)err_hint(
			err,
			"Correct it there; `python3 -m json.tool FILE` finds such places, too.");
		json_object_put(root);
	}
	return good;
}

int sidecar_open(struct sidecar *side, const char *path, struct err *err)
{
	struct reader r = { side, path, err };
	struct json_object *root;
	struct bytes text;
	int ret;

	*side = (struct sidecar){ 0 };
	if (input_slurp(path, JSON_MOST, &text, err) < 0)
		return -1;
	root = parse(&text, path, err);
	free(text.data);
	if (!root)
		return -1;
	ret = take_cpus(&r, root) < 0 || take_ram(&r, root) < 0 || take_contexts(&r, root) < 0 ||
			      file_name(&r, root, "core", "", &side->core) < 0
		      ? -1
		      : 0;
	side->qemu = json_object_object_get_ex(root, "qemu", NULL);
	json_object_put(root);
	if (ret < 0)
		sidecar_close(side);
	return ret;
}

static int op_unit(struct reader *r, struct json_object *root, char **unit)
{
	struct json_object *name;
	const char *text = "operations";

	if (json_object_object_get_ex(root, "op_unit", &name)) {
		if (!json_object_is_type(name, json_type_string) || !*json_object_get_string(name))
			return bad(r, "op_unit", "not a name");
		text = json_object_get_string(name);
	}
	*unit = strdup(text);
	return *unit ? 0 : bad(r, "op_unit", "out of memory");
}

int sidecar_ops(const char *path, uint64_t *ops, char **unit, struct err *err)
{
	struct reader r = { NULL, path, err };
	struct json_object *root;
	struct bytes bytes;
	int ret;

	*unit = NULL;
	if (input_slurp(path, JSON_MOST, &bytes, err) < 0)
		return -1;
	root = parse(&bytes, path, err);
	free(bytes.data);
	if (!root)
		return -1;
	*ops = 0;
	ret = member(&r, root, "ops", "", ops);
	if (ret >= 0 && !*ops)
		ret = bad(&r, "ops", "missing, or 0");
	if (ret >= 0)
		ret = op_unit(&r, root, unit);
	json_object_put(root);
	return ret;
}

void sidecar_close(struct sidecar *side)
{
	for (size_t i = 0; side->context && i < side->nr_contexts; i++) {
		free(side->context[i].golden);
		free(side->context[i].infomem);
		free(side->context[i].sample);
	}
	free(side->context);
	free(side->cpu);
	free(side->core);
	ranges_free(&side->ram);
	*side = (struct sidecar){ 0 };
}
