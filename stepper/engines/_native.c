/* Statistics of many numbers in one go through memory, and looks at memory, for `statistics` and `bits`.

   All of this has a twin in Python, which serves where this module could not be compiled. A block of numbers stays in
   the processor's first cache while its extremes, counts and sum are taken in one pass and its squared deviations in
   another; blocks are merged by the formula of Chan, Golub and LeVeque (1979). The sums run in fixed lanes, so that the
   result does not depend on how wide the processor's registers are. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 2048           /* numbers that are worked on together */
#define LANES 16             /* numbers side by side, each with a sum of its own: the compiler makes vectors of them */
#define LONG ((Py_ssize_t)1 << 23) /* bytes beyond which the interpreter's lock is given up meanwhile */
#define LARGE 1e145          /* sizes whose squares come near to overflowing, and to vanishing: they are left to Python, */
#define TINY 1e-145          /* which scales all numbers first */

/* One copy of the loops for each generation of the processor, chosen when the module is loaded. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif

typedef struct {
    double low, high, sum;
    Py_ssize_t negative, zero;
} Part;

typedef struct {
    Py_ssize_t finite, neginf, negative, zero, inf, nan;
    double low, high, mean, spread;
} Found;

/* `first_…`: extremes, sum and counts of n numbers, n > 0. `second_…`: their squared deviations from `mean`.
   `apart_…`: x − y. `block_…`: all of it for one block; 0 where its numbers have to be scaled first. */
#define LOOPS(NAME, TYPE, WORD)                                                                                        \
    WIDE static Part first_##NAME(const TYPE *x, Py_ssize_t n) {                                                       \
        TYPE low[LANES], high[LANES];                                                                                  \
        WORD negative[LANES] = {0}, zero[LANES] = {0};                                                                 \
        double sum[LANES] = {0};                                                                                       \
        Part part = {x[0], x[0], 0.0, 0, 0};                                                                           \
        Py_ssize_t i = 0;                                                                                              \
        for (int k = 0; k < LANES; k++) low[k] = high[k] = x[0];                                                       \
        for (; i + LANES <= n; i += LANES) {                                                                           \
            const TYPE *v = x + i;                                                                                     \
            for (int k = 0; k < LANES; k++) {                                                                          \
                low[k] = v[k] < low[k] ? v[k] : low[k];                                                                \
                high[k] = v[k] > high[k] ? v[k] : high[k];                                                             \
                negative[k] += v[k] < 0;                                                                               \
                zero[k] += v[k] == 0;                                                                                  \
                sum[k] += v[k];                                                                                        \
            }                                                                                                          \
        }                                                                                                              \
        for (int k = 0; k < LANES; k++) {                                                                              \
            part.low = low[k] < part.low ? low[k] : part.low;                                                          \
            part.high = high[k] > part.high ? high[k] : part.high;                                                     \
            part.negative += negative[k];                                                                              \
            part.zero += zero[k];                                                                                      \
            part.sum += sum[k];                                                                                        \
        }                                                                                                              \
        for (; i < n; i++) {                                                                                           \
            double one = x[i];                                                                                         \
            part.low = one < part.low ? one : part.low;                                                                \
            part.high = one > part.high ? one : part.high;                                                             \
            part.negative += one < 0;                                                                                  \
            part.zero += one == 0;                                                                                     \
            part.sum += one;                                                                                           \
        }                                                                                                              \
        return part;                                                                                                   \
    }                                                                                                                  \
    WIDE static double second_##NAME(const TYPE *x, Py_ssize_t n, double mean) {                                       \
        double sum[LANES] = {0}, total = 0.0;                                                                          \
        Py_ssize_t i = 0;                                                                                              \
        for (; i + LANES <= n; i += LANES)                                                                             \
            for (int k = 0; k < LANES; k++) {                                                                          \
                double apart = (double)x[i + k] - mean;                                                                \
                sum[k] += apart * apart;                                                                               \
            }                                                                                                          \
        for (int k = 0; k < LANES; k++) total += sum[k];                                                               \
        for (; i < n; i++) total += ((double)x[i] - mean) * ((double)x[i] - mean);                                     \
        return total;                                                                                                  \
    }                                                                                                                  \
    WIDE static void apart_##NAME(double *out, const TYPE *x, const TYPE *y, Py_ssize_t n) {                           \
        for (Py_ssize_t i = 0; i < n; i++) out[i] = (double)x[i] - (double)y[i];                                       \
    }                                                                                                                  \
    static int block_##NAME(Found *found, const TYPE *x, Py_ssize_t n) {                                               \
        Part part = first_##NAME(x, n);                                                                                \
        if (!isfinite(part.sum) || !isfinite(part.low) || !isfinite(part.high)) {                                      \
            double rest[BLOCK];                                                                                        \
            Py_ssize_t count = 0;                                                                                      \
            for (Py_ssize_t i = 0; i < n; i++) {                                                                       \
                double one = x[i];                                                                                     \
                if (isfinite(one)) rest[count++] = one;                                                                \
                found->nan += isnan(one) != 0;                                                                         \
                found->inf += one == HUGE_VAL;                                                                         \
                found->neginf += one == -HUGE_VAL;                                                                     \
            }                                                                                                          \
            return count ? finite_block(found, rest, count) : 1;                                                       \
        }                                                                                                              \
        if (!within(&part)) return 0;                                                                                  \
        if (part.low == part.high) {                                                                                   \
            merge(found, &part, n, part.low, 0.0);                                                                     \
            return 1;                                                                                                  \
        }                                                                                                              \
        double mean = part.sum / (double)n;                                                                            \
        merge(found, &part, n, mean, second_##NAME(x, n, mean));                                                       \
        return 1;                                                                                                      \
    }

/* Whether the squares of these numbers can be summed as they are. */
static int within(const Part *part) {
    double largest = -part->low > part->high ? -part->low : part->high;
    return largest == 0.0 || (largest > TINY && largest < LARGE);
}

static void merge(Found *found, const Part *part, Py_ssize_t count, double mean, double spread) {
    double total = (double)(found->finite + count), share = (double)count / total, apart = mean - found->mean;
    if (!found->finite || part->low < found->low) found->low = part->low;
    if (!found->finite || part->high > found->high) found->high = part->high;
    found->mean += apart * share;
    found->spread += spread + apart * apart * ((double)found->finite * share);
    found->negative += part->negative;
    found->zero += part->zero;
    found->finite += count;
}

static int finite_block(Found *found, const double *x, Py_ssize_t n);

LOOPS(float, float, int32_t)
LOOPS(double, double, int64_t)

static int finite_block(Found *found, const double *x, Py_ssize_t n) {
    double largest = 0.0;
    for (Py_ssize_t i = 0; i < n; i++) largest = fabs(x[i]) > largest ? fabs(x[i]) : largest;
    return largest < LARGE ? block_double(found, x, n) : 0;
}

#define CONVERTED(CODE, TYPE)                                                                                          \
    case CODE:                                                                                                         \
        for (Py_ssize_t i = 0; i < n; i++) out[i] = (double)((const TYPE *)x)[start + i];                              \
        break;

/* Numbers start … start + n of whole numbers, as doubles. */
static void converted(double *out, const void *x, char code, Py_ssize_t start, Py_ssize_t n) {
    switch (code) {
        CONVERTED('b', signed char)
        CONVERTED('B', unsigned char)
        CONVERTED('h', short)
        CONVERTED('H', unsigned short)
        CONVERTED('i', int)
        CONVERTED('I', unsigned int)
        CONVERTED('l', long)
        CONVERTED('L', unsigned long)
        CONVERTED('q', long long)
        CONVERTED('Q', unsigned long long)
    }
}

/* Statistics of `count` numbers at x, or of those at x less those at y. 0 where they have to be scaled first. */
static int gather(Found *found, const void *x, const void *y, char code, Py_ssize_t count) {
    double one[BLOCK], other[BLOCK];
    for (Py_ssize_t start = 0; start < count; start += BLOCK) {
        Py_ssize_t n = count - start < BLOCK ? count - start : BLOCK;
        int fine;
        if (y == NULL && code == 'f')
            fine = block_float(found, (const float *)x + start, n);
        else if (y == NULL && code == 'd')
            fine = block_double(found, (const double *)x + start, n);
        else {
            if (code == 'f')
                apart_float(one, (const float *)x + start, (const float *)y + start, n);
            else if (code == 'd')
                apart_double(one, (const double *)x + start, (const double *)y + start, n);
            else {
                converted(one, x, code, start, n);
                if (y != NULL) {
                    converted(other, y, code, start, n);
                    apart_double(one, one, other, n);
                }
            }
            fine = block_double(found, one, n);
        }
        if (!fine) return 0;
    }
    return 1;
}

static Py_ssize_t width(char code) {
    switch (code) {
        case 'b': case 'B': return 1;
        case 'h': case 'H': return sizeof(short);
        case 'i': case 'I': return sizeof(int);
        case 'l': case 'L': return sizeof(long);
        case 'q': case 'Q': return sizeof(long long);
        case 'f': return sizeof(float);
        case 'd': return sizeof(double);
        default: return 0;
    }
}

static PyObject *told(const Found *found) {
    return Py_BuildValue("nnnnnndddd", found->finite, found->neginf, found->negative, found->zero, found->inf,
                         found->nan, found->low, found->high, found->mean, found->spread);
}

/* moments(numbers, code, less=None) */
static PyObject *moments(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    Py_buffer numbers, less = {0};
    Found found = {0};
    int code, fine, two;
    if (count < 2 || count > 3 || !PyUnicode_Check(arguments[1]) || PyUnicode_GET_LENGTH(arguments[1]) != 1) {
        PyErr_SetString(PyExc_TypeError, "moments(numbers, code, less=None): code is one letter");
        return NULL;
    }
    code = (int)PyUnicode_READ_CHAR(arguments[1], 0);
    if (!(code < 128 && width((char)code))) {
        PyErr_SetString(PyExc_ValueError, "moments: no such code");
        return NULL;
    }
    two = count == 3 && arguments[2] != Py_None;
    if (PyObject_GetBuffer(arguments[0], &numbers, PyBUF_ANY_CONTIGUOUS) < 0) return NULL;
    if (two && PyObject_GetBuffer(arguments[2], &less, PyBUF_ANY_CONTIGUOUS) < 0) {
        PyBuffer_Release(&numbers);
        return NULL;
    }
    if (numbers.len % width((char)code) || (two && less.len != numbers.len)) {
        PyErr_SetString(PyExc_ValueError, "moments: the sizes do not fit");
        fine = -1;
    } else if (numbers.len >= LONG) {
        Py_BEGIN_ALLOW_THREADS
        fine = gather(&found, numbers.buf, two ? less.buf : NULL, (char)code, numbers.len / width((char)code));
        Py_END_ALLOW_THREADS
    } else
        fine = gather(&found, numbers.buf, two ? less.buf : NULL, (char)code, numbers.len / width((char)code));
    PyBuffer_Release(&numbers);
    if (two) PyBuffer_Release(&less);
    if (fine < 0) return NULL;
    if (!fine) Py_RETURN_NONE;
    return told(&found);
}

/* same(one, other) */
static PyObject *same(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    Py_buffer one, other;
    int equal;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "same(one, other)");
        return NULL;
    }
    if (PyObject_GetBuffer(arguments[0], &one, PyBUF_ANY_CONTIGUOUS) < 0) return NULL;
    if (PyObject_GetBuffer(arguments[1], &other, PyBUF_ANY_CONTIGUOUS) < 0) {
        PyBuffer_Release(&one);
        return NULL;
    }
    equal = one.len == other.len && memcmp(one.buf, other.buf, (size_t)one.len) == 0;
    PyBuffer_Release(&one);
    PyBuffer_Release(&other);
    return PyBool_FromLong(equal);
}

static int addresses(PyObject *const *arguments, Py_ssize_t count, void **one, void **other, Py_ssize_t *size) {
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "two addresses and a size are needed");
        return 0;
    }
    *one = PyLong_AsVoidPtr(arguments[0]);
    *other = PyLong_AsVoidPtr(arguments[1]);
    *size = PyLong_AsSsize_t(arguments[2]);
    return !PyErr_Occurred();
}

/* same_at(address, address, size) */
static PyObject *same_at(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    void *one, *other;
    Py_ssize_t size;
    if (!addresses(arguments, count, &one, &other, &size)) return NULL;
    return PyBool_FromLong(memcmp(one, other, (size_t)size) == 0);
}

/* copy_at(target, source, size) */
static PyObject *copy_at(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    void *target, *source;
    Py_ssize_t size;
    if (!addresses(arguments, count, &target, &source, &size)) return NULL;
    memmove(target, source, (size_t)size);
    Py_RETURN_NONE;
}

/* holds(bytes-like, address) */
static PyObject *holds(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    Py_buffer kept;
    int equal;
    void *address = count == 2 ? PyLong_AsVoidPtr(arguments[1]) : NULL;
    if (count != 2) PyErr_SetString(PyExc_TypeError, "holds(kept, address)");
    if (PyErr_Occurred()) return NULL;
    if (PyObject_GetBuffer(arguments[0], &kept, PyBUF_ANY_CONTIGUOUS) < 0) return NULL;
    equal = memcmp(kept.buf, address, (size_t)kept.len) == 0;
    PyBuffer_Release(&kept);
    return PyBool_FromLong(equal);
}

/* address_of(buffer) */
static PyObject *address_of(PyObject *module, PyObject *object) {
    Py_buffer view;
    PyObject *address;
    if (PyObject_GetBuffer(object, &view, PyBUF_STRIDES) < 0) return NULL;
    address = PyLong_FromVoidPtr(view.buf);
    PyBuffer_Release(&view);
    return address;
}

/* version(type) */
static PyObject *version(PyObject *module, PyObject *type) {
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "version(type)");
        return NULL;
    }
    return PyLong_FromUnsignedLong(((PyTypeObject *)type)->tp_version_tag);
}

static PyMethodDef methods[] = {
    {"moments", (PyCFunction)(void (*)(void))moments, METH_FASTCALL, NULL},
    {"same", (PyCFunction)(void (*)(void))same, METH_FASTCALL, NULL},
    {"same_at", (PyCFunction)(void (*)(void))same_at, METH_FASTCALL, NULL},
    {"copy_at", (PyCFunction)(void (*)(void))copy_at, METH_FASTCALL, NULL},
    {"holds", (PyCFunction)(void (*)(void))holds, METH_FASTCALL, NULL},
    {"address_of", address_of, METH_O, NULL},
    {"version", version, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&definition); }
