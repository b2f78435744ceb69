/* Forward and backward pass of many fully connected nets of one shape, on one processor core.

   The nets are the lanes of vectors: a block holds LANES nets, and every entry of an array is one
   vector with that entry's value in each net of the block. So a product of matrices is a product
   of matrices of vectors, lane by lane; lanes never meet, and a net's numbers do not depend on its
   neighbours or on how many blocks there are. Arrays, row-major, of vectors:

       theta    [blocks, parameters]           weight [outputs, inputs], then bias, layer by layer
       x        [blocks or 1, rows, inputs]    one block: all blocks have the same inputs
       outputs  [blocks, rows, outputs of the last layer]
       saved    [blocks, kept]                 for each layer but the last its outputs [rows,
                                               outputs]; for a gelu also its derivative, which
                                               its output does not determine

   Rows are taken a chunk at a time through all layers, so that what a layer leaves is still in the
   cache when the next one reads it. Compiled with -DREAL=float or -DREAL=double. */

#include <math.h>
#include <string.h>

/* A vector's size, and the tile of a product whose sums and operands fill the registers. */
#ifdef __AVX512F__
enum { BYTES = 64, ROWS = 5, COLUMNS = 5 };
#else
enum { BYTES = 32, ROWS = 3, COLUMNS = 4 };
#endif
#define LANES ((long)(BYTES / sizeof(REAL)))
/* Aligned as its entries are: a caller's tensor may start anywhere. */
typedef REAL vec __attribute__((vector_size(BYTES), aligned(sizeof(REAL)), may_alias));
#define INLINE static inline __attribute__((always_inline))

/* glibc has vector versions of these, but tells the compiler only under -ffast-math. */
#if defined __x86_64__ && defined __GLIBC__ && !defined __clang__
#if __GLIBC_PREREQ(2, 35)
#define SIMD __attribute__((simd("notinbranch")))
SIMD float tanhf(float), expf(float), expm1f(float), erff(float);
SIMD double tanh(double), exp(double), expm1(double), erf(double);
#endif
#endif
#define CALL(name, value) (sizeof(REAL) == 4 ? (REAL)name##f((float)(value)) : (REAL)name(value))

enum { IDENTITY, RELU, LEAKY_RELU, TANH, SELU, GELU };

struct layer {
    long inputs, outputs, activation;
    long weight, bias, kept, derivative; /* where they start in a block of theta and of saved */
    double slope;                        /* of a leaky_relu, below zero */
};
struct net {
    long blocks, rows, chunk, layers, parameters, kept, widest;
    const struct layer *layer;
};

long lanes(void) { return LANES; }

/* A matrix of vectors: entry [p, q] is at[p * row + q * column]. */
struct matrix {
    vec *at;
    long row, column;
};

INLINE struct matrix matrix(const vec *at, long row, long column) {
    return (struct matrix){(vec *)at, row, column};
}

INLINE struct matrix from(struct matrix m, long p, long q) {
    return matrix(m.at ? m.at + p * m.row + q * m.column : 0, m.row, m.column);
}

/* c[p, q] = start[p, q] + sum over k of a[p, k] b[q, k] for P by Q entries, summed in registers;
   zero for a start that is null. */
INLINE void tile(const int P, const int Q, long K, struct matrix c, struct matrix start,
                 struct matrix a, struct matrix b) {
    vec sum[5][5]; /* no tile is larger; sizes P and Q would keep it out of registers */
    for (int p = 0; p < P; p++)
        for (int q = 0; q < Q; q++) sum[p][q] = start.at ? *from(start, p, q).at : (vec){0};
    for (long k = 0; k < K; k++) {
        vec left[5];
        for (int p = 0; p < P; p++) left[p] = *from(a, p, k).at;
        for (int q = 0; q < Q; q++) {
            const vec right = *from(b, q, k).at;
            for (int p = 0; p < P; p++) sum[p][q] += left[p] * right;
        }
    }
    for (int p = 0; p < P; p++)
        for (int q = 0; q < Q; q++) *from(c, p, q).at = sum[p][q];
}

#define TILE(p, q) \
    case 8 * p + q: \
        tile(p, q, K, from(c, i, j), from(start, i, j), from(a, i, 0), from(b, j, 0)); \
        break;
#define TILES(p) TILE(p, 1) TILE(p, 2) TILE(p, 3) TILE(p, 4) TILE(p, 5)

/* The same for any P and Q. */
static void product(long P, long Q, long K, struct matrix c, struct matrix start, struct matrix a,
                    struct matrix b) {
    for (long j = 0; j < Q; j += COLUMNS)
        for (long i = 0; i < P; i += ROWS)
            switch (8 * (P - i < ROWS ? P - i : ROWS) + (Q - j < COLUMNS ? Q - j : COLUMNS)) {
                TILES(1) TILES(2) TILES(3) TILES(4) TILES(5)
            }
}

/* Calls body for the n vectors' entries, a vector at a time: with no remainder, every entry goes
   through the same instructions wherever it stands. */
#define EACH(n, body) \
    for (long i = 0; i < (n) * LANES; i += LANES) \
        _Pragma("omp simd") for (long j = i; j < i + LANES; j++) { body; }

static const double ALPHA = 1.6732632423543772848170429916717; /* of selu, as in torch */
static const double SCALE = 1.0507009873554804934193349852946;

/* h = f(z) in place of z; derivative = f'(z) for a gelu. Comparisons are such that NaN stays. */
static void activate(const struct layer *layer, long n, vec *at, vec *derivative) {
    REAL *h = (REAL *)at, *d = (REAL *)derivative;
    const REAL slope = layer->slope, scale = SCALE, floor = SCALE * ALPHA;
    const REAL root = M_SQRT1_2, density = M_2_SQRTPI * M_SQRT1_2 / 2, half = 0.5;
    switch (layer->activation) {
    case RELU:
        EACH(n, h[j] = h[j] <= 0 ? 0 : h[j])
        break;
    case LEAKY_RELU:
        EACH(n, h[j] = h[j] > 0 ? h[j] : h[j] * slope)
        break;
    case TANH:
        EACH(n, h[j] = CALL(tanh, h[j]))
        break;
    case SELU:
        EACH(n, const REAL below = CALL(expm1, h[j] < 0 ? h[j] : 0);
             h[j] = h[j] < 0 ? below * floor : h[j] * scale)
        break;
    case GELU:
        EACH(n, const REAL z = h[j]; const REAL normal = half * (1 + CALL(erf, z * root));
             d[j] = normal + z * density * CALL(exp, -half * z * z); h[j] = z * normal)
        break;
    }
}

/* g = g f'(z), from h = f(z) or, for a gelu, from the derivative. */
static void differentiate(const struct layer *layer, long n, vec *at, const vec *output,
                          const vec *derivative) {
    REAL *g = (REAL *)at;
    const REAL *h = (const REAL *)output, *d = (const REAL *)derivative;
    const REAL slope = layer->slope, scale = SCALE, floor = SCALE * ALPHA;
    switch (layer->activation) {
    case RELU:
        EACH(n, g[j] = h[j] <= 0 ? 0 : g[j])
        break;
    case LEAKY_RELU:
        EACH(n, g[j] = h[j] > 0 ? g[j] : g[j] * slope)
        break;
    case TANH:
        EACH(n, g[j] *= 1 - h[j] * h[j])
        break;
    case SELU:
        EACH(n, g[j] *= h[j] <= 0 ? h[j] + floor : scale)
        break;
    case GELU:
        EACH(n, g[j] *= d[j])
        break;
    }
}

void forward(const struct net *net, long shared, const vec *theta, const vec *x, vec *saved,
             vec *outputs) {
    const struct layer *last = net->layer + net->layers - 1;
    for (long g = 0; g < net->blocks; g++) {
        for (long row = 0; row < net->rows; row += net->chunk) {
            const long n = net->rows - row < net->chunk ? net->rows - row : net->chunk;
            const vec *in = x + row * net->layer->inputs;
            for (const struct layer *layer = net->layer; layer <= last; layer++) {
                const long I = layer->inputs, O = layer->outputs;
                vec *h = (layer == last ? outputs : saved + layer->kept) + row * O;
                product(n, O, I, matrix(h, O, 1), matrix(theta + layer->bias, 0, 1),
                        matrix(in, I, 1), matrix(theta + layer->weight, I, 1));
                activate(layer, n * O, h, saved + layer->derivative + row * O);
                in = h;
            }
        }
        theta += net->parameters;
        x += shared ? 0 : net->rows * net->layer->inputs;
        saved += net->kept;
        outputs += net->rows * last->outputs;
    }
}

/* gradient [blocks, parameters] = d loss / d theta, from grad_outputs = d loss / d outputs.
   scratch holds two matrices of a chunk's rows and the widest layer's outputs. */
void backward(const struct net *net, long shared, const vec *theta, const vec *x, const vec *saved,
              const vec *outputs, const vec *grad_outputs, vec *gradient, vec *scratch) {
    const struct layer *last = net->layer + net->layers - 1;
    const vec one = (vec){0} + 1;
    for (long g = 0; g < net->blocks; g++) {
        for (long row = 0; row < net->rows; row += net->chunk) {
            const long n = net->rows - row < net->chunk ? net->rows - row : net->chunk;
            vec *now = scratch, *next = scratch + net->chunk * net->widest;
            memcpy(now, grad_outputs + row * last->outputs, n * last->outputs * sizeof(vec));
            for (const struct layer *layer = last; layer >= net->layer; layer--) {
                const long I = layer->inputs, O = layer->outputs;
                const vec *h = (layer == last ? outputs : saved + layer->kept) + row * O;
                const vec *in = layer == net->layer ? x + row * I : saved + layer[-1].kept + row * I;
                differentiate(layer, n * O, now, h, saved + layer->derivative + row * O);

                /* The first chunk sets the gradient, the others add to it. */
                const struct matrix weight = matrix(gradient + layer->weight, I, 1);
                const struct matrix bias = matrix(gradient + layer->bias, 1, 1);
                const struct matrix errors = matrix(now, 1, O), none = {0};
                product(O, I, n, weight, row ? weight : none, errors, matrix(in, 1, I));
                product(O, 1, n, bias, row ? bias : none, errors, matrix(&one, 0, 0));
                if (layer > net->layer) {
                    product(n, I, O, matrix(next, I, 1), none, matrix(now, O, 1),
                            matrix(theta + layer->weight, 1, I));
                    vec *swap = now;
                    now = next, next = swap;
                }
            }
        }
        theta += net->parameters;
        gradient += net->parameters;
        x += shared ? 0 : net->rows * net->layer->inputs;
        saved += net->kept;
        outputs += net->rows * last->outputs;
        grad_outputs += net->rows * last->outputs;
    }
}
