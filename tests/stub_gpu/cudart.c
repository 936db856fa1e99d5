// A CUDA runtime without a GPU: memory is the host's, kernels do nothing, capture rules are kept.
#define _GNU_SOURCE
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#undef cudaGetDeviceProperties
static __thread int device = 0;
static __thread cudaError_t last = cudaSuccess;
static int devices(void) {
    const char *n = getenv("STUB_DEVICES");
    return n ? atoi(n) : 1;
}
static cudaError_t err(cudaError_t e) {
    if (e != cudaSuccess) last = e;
    return e;
}
// ---- capture state: one capture at a time is enough
static cudaStream_t cap_stream = NULL;
static int cap_mode = 0;
static int cap_invalid = 0;
static unsigned long long cap_id = 0;
static pthread_t cap_thread;
#define MOST 64
static cudaStream_t joined[MOST];
static int dirty[MOST];
static int njoined = 0;
static int where(cudaStream_t s) {
    if (!cap_stream) return -1;
    for (int i = 0; i < njoined; i++)
        if (joined[i] == s) return i;
    return -1;
}
typedef struct {
    unsigned long long cap;
    cudaStream_t stream;
} event;
static long launches = 0, syncs = 0, h2d_pageable = 0, captured = 0;
static int verbose(void) { return getenv("STUB_VERBOSE") != NULL; }
static __thread int mine = cudaStreamCaptureModeGlobal; // of this thread
static int unsafe_now(const char *what) {
    // as cudaThreadExchangeStreamCaptureMode is documented: who may not make potentially unsafe calls while a
    // capture is under way
    if (!cap_stream || mine == cudaStreamCaptureModeRelaxed) return 0;
    int own = pthread_equal(pthread_self(), cap_thread);
    if (own ? cap_mode == cudaStreamCaptureModeRelaxed
            : !(mine == cudaStreamCaptureModeGlobal && cap_mode == cudaStreamCaptureModeGlobal))
        return 0;
    if (verbose()) {
        fprintf(stderr, "stub: unsafe %s during capture, by %s thread\n", what, own ? "its own" : "another");
        if (getenv("STUB_BACKTRACE")) {
            void *b[40];
            backtrace_symbols_fd(b, backtrace(b, 40), 2);
        }
    }
    cap_invalid = 1;
    return 1;
}
long stub_count(int what) {
    return what == 0 ? launches : what == 1 ? syncs : what == 2 ? h2d_pageable : captured;
}
cudaError_t cudaGetDeviceCount(int *n) {
    *n = devices();
    return cudaSuccess;
}
cudaError_t cudaGetDevice(int *d) {
    *d = device;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int d) {
    device = d;
    return cudaSuccess;
}
cudaError_t cudaGetLastError(void) {
    cudaError_t e = last;
    last = cudaSuccess;
    return e;
}
cudaError_t cudaPeekAtLastError(void) { return last; }
cudaError_t cudaDriverGetVersion(int *v) {
    *v = 13020;
    return 0;
}
cudaError_t cudaRuntimeGetVersion(int *v) {
    *v = 13020;
    return 0;
}
static int cc(void) {
    const char *n = getenv("STUB_CC");
    return n ? atoi(n) : 90;
}
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int d) {
    memset(p, 0, sizeof *p);
    snprintf(p->name, sizeof p->name, "NVIDIA stub GPU");
    p->major = cc() / 10;
    p->minor = cc() % 10;
    p->totalGlobalMem = 80ull << 30;
    p->multiProcessorCount = 132;
    p->maxThreadsPerBlock = 1024;
    p->warpSize = 32;
    p->maxThreadsDim[0] = 1024;
    p->maxThreadsDim[1] = 1024;
    p->maxThreadsDim[2] = 64;
    p->maxGridSize[0] = 2147483647;
    p->maxGridSize[1] = 65535;
    p->maxGridSize[2] = 65535;
    p->sharedMemPerBlock = 49152;
    p->sharedMemPerMultiprocessor = 233472;
    p->sharedMemPerBlockOptin = 232448;
    p->regsPerBlock = 65536;
    p->maxThreadsPerMultiProcessor = 2048;
    p->l2CacheSize = 50 << 20;
    p->regsPerMultiprocessor = 65536;
    p->maxBlocksPerMultiProcessor = 32;
    p->textureAlignment = 512;
    p->unifiedAddressing = 1;
    p->managedMemory = 1;
    return 0;
}
cudaError_t cudaDeviceGetAttribute(int *v, enum cudaDeviceAttr a, int d) {
    switch ((int)a) {
    case 75: *v = cc() / 10; break;
    case 76: *v = cc() % 10; break;
    case 1: *v = 1024; break;
    case 16: *v = 132; break;
    case 10: *v = 32; break;
    case 97: *v = 232448; break;
    case 81: *v = 233472; break;
    case 8: *v = 49152; break;
    case 39: *v = 2048; break;
    case 106: *v = 32; break;
    case 5: *v = 2147483647; break;
    case 2:
    case 3: *v = 1024; break;
    case 4: *v = 64; break;
    default: *v = 1;
    }
    return 0;
}
cudaError_t cudaDeviceGetPCIBusId(char *s, int n, int d) {
    snprintf(s, n, "0000:00:0%d.0", d);
    return 0;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int *a, int *b) {
    *a = 0;
    *b = -5;
    return 0;
}
static unsigned long next_stream = 0x1000;
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *s, unsigned f, int p) {
    *s = (cudaStream_t)(next_stream += 16);
    return 0;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned f) {
    *s = (cudaStream_t)(next_stream += 16);
    return 0;
}
cudaError_t cudaStreamCreate(cudaStream_t *s) {
    *s = (cudaStream_t)(next_stream += 16);
    return 0;
}
cudaError_t cudaStreamDestroy(cudaStream_t s) { return 0; }
cudaError_t cudaStreamGetPriority(cudaStream_t s, int *p) {
    *p = 0;
    return 0;
}
cudaError_t cudaStreamQuery(cudaStream_t s) {
    if (where(s) >= 0) {
        cap_invalid = 1;
        return err(cudaErrorStreamCaptureUnsupported);
    }
    return 0;
}
cudaError_t cudaStreamSynchronize(cudaStream_t s) {
    syncs++;
    if (where(s) >= 0) {
        if (verbose()) fprintf(stderr, "stub: cudaStreamSynchronize during capture\n");
        cap_invalid = 1;
        return err(cudaErrorStreamCaptureUnsupported);
    }
    return 0;
}
cudaError_t cudaDeviceSynchronize(void) {
    syncs++;
    if (unsafe_now("cudaDeviceSynchronize")) return err(cudaErrorStreamCaptureUnsupported);
    return 0;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t ee, unsigned f) {
    event *e = (event *)ee;
    if (!cap_stream) return 0;
    int i = where(s);
    if (e->cap == cap_id) {
        if (i < 0) {
            if (s == 0) {
                cap_invalid = 1;
                return err(cudaErrorStreamCaptureImplicit);
            }
            joined[njoined] = s;
            dirty[njoined++] = 1;
        }
        int j = where(e->stream);
        if (j > 0 && s != e->stream) dirty[j] = 0;
        return 0;
    }
    if (i >= 0) {
        if (verbose()) fprintf(stderr, "stub: a capturing stream waits for work outside the capture\n");
        cap_invalid = 1;
        return err(cudaErrorStreamCaptureIsolation);
    }
    return 0;
}
cudaError_t cudaEventCreate(cudaEvent_t *e) {
    *e = (cudaEvent_t)calloc(1, sizeof(event));
    return 0;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned f) {
    *e = (cudaEvent_t)calloc(1, sizeof(event));
    return 0;
}
cudaError_t cudaEventDestroy(cudaEvent_t e) {
    free(e);
    return 0;
}
static cudaError_t record(cudaEvent_t ee, cudaStream_t s) {
    event *e = (event *)ee;
    e->stream = s;
    e->cap = where(s) >= 0 ? cap_id : 0;
    return 0;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) { return record(e, s); }
cudaError_t cudaEventRecordWithFlags(cudaEvent_t e, cudaStream_t s, unsigned f) { return record(e, s); }
cudaError_t cudaEventQuery(cudaEvent_t e) {
    if (unsafe_now("cudaEventQuery")) return err(cudaErrorStreamCaptureUnsupported);
    return 0;
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
    syncs++;
    if (unsafe_now("cudaEventSynchronize")) return err(cudaErrorStreamCaptureUnsupported);
    return 0;
}
cudaError_t cudaEventElapsedTime(float *t, cudaEvent_t a, cudaEvent_t b) {
    *t = 1;
    return 0;
}
static size_t in_use = 0;
static size_t cap(void) {
    const char *n = getenv("STUB_MEMORY");
    return n ? strtoull(n, 0, 10) : (8ull << 30);
}
typedef struct { // ahead of each piece of memory, which is aligned as CUDA's is
    size_t n;
    size_t pad[63];
} head;
cudaError_t cudaMalloc(void **p, size_t n) {
    if (unsafe_now("cudaMalloc")) return err(cudaErrorStreamCaptureUnsupported);
    if (in_use + n > cap()) return err(cudaErrorMemoryAllocation);
    // All zero, and taken from the kernel: the workflow's jobs set malloc to keep what is freed.
    head *h = mmap(NULL, n + sizeof(head), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (h == MAP_FAILED) return err(cudaErrorMemoryAllocation);
    h->n = n;
    in_use += n;
    *p = h + 1;
    return 0;
}
cudaError_t cudaFree(void *p) {
    if (!p) return 0;
    if (unsafe_now("cudaFree")) return err(cudaErrorStreamCaptureUnsupported);
    head *h = (head *)p - 1;
    in_use -= h->n;
    munmap(h, h->n + sizeof(head));
    return 0;
}
cudaError_t cudaMemGetInfo(size_t *f, size_t *t) {
    *t = 80ull << 30;
    *f = *t - in_use;
    return 0;
}
cudaError_t cudaHostAlloc(void **p, size_t n, unsigned f) {
    if (verbose())
        fprintf(stderr, "stub: cudaHostAlloc %zu, capturing %d mode %d\n", n, cap_stream != NULL, cap_mode);
    if (unsafe_now("cudaHostAlloc")) return err(cudaErrorStreamCaptureUnsupported);
    *p = calloc(1, n);
    return 0;
}
cudaError_t cudaMallocHost(void **p, size_t n) {
    if (unsafe_now("cudaMallocHost")) return err(cudaErrorStreamCaptureUnsupported);
    *p = calloc(1, n);
    return 0;
}
cudaError_t cudaFreeHost(void *p) {
    if (unsafe_now("cudaFreeHost")) return err(cudaErrorStreamCaptureUnsupported);
    free(p);
    return 0;
}
cudaError_t cudaHostRegister(void *p, size_t n, unsigned f) { return 0; }
cudaError_t cudaHostUnregister(void *p) { return 0; }
cudaError_t cudaMemcpyAsync(void *d, const void *s, size_t n, enum cudaMemcpyKind k, cudaStream_t st) {
    if (where(st) >= 0) {
        dirty[where(st)] = 1;
        captured++;
        if (k == cudaMemcpyHostToDevice) {
            h2d_pageable++;
            if (verbose()) fprintf(stderr, "stub: host to device copy recorded\n");
        }
        return 0;
    }
    memcpy(d, s, n);
    return 0;
}
cudaError_t cudaMemcpy(void *d, const void *s, size_t n, enum cudaMemcpyKind k) {
    syncs++;
    if (unsafe_now("cudaMemcpy")) return err(cudaErrorStreamCaptureImplicit);
    memcpy(d, s, n);
    return 0;
}
cudaError_t cudaMemcpyPeerAsync(void *d, int a, const void *s, int b, size_t n, cudaStream_t st) {
    memcpy(d, s, n);
    return 0;
}
cudaError_t cudaMemset(void *d, int v, size_t n) {
    memset(d, v, n);
    return 0;
}
cudaError_t cudaMemsetAsync(void *d, int v, size_t n, cudaStream_t st) {
    if (where(st) >= 0) {
        dirty[where(st)] = 1;
        captured++;
        return 0;
    }
    memset(d, v, n);
    return 0;
}
cudaError_t cudaLaunchKernel(const void *f, dim3 g, dim3 b, void **a, size_t sh, cudaStream_t st) {
    launches++;
    if (g.x == 0 || g.y == 0 || g.z == 0 || b.x == 0 || b.y == 0 || b.z == 0 || b.x * b.y * b.z > 1024)
        return err(cudaErrorInvalidConfiguration);
    if (where(st) >= 0) {
        captured++;
        dirty[where(st)] = 1;
    }
    return 0;
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *c, const void *f, void **a) {
    launches++;
    return 0;
}
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *a, const void *f) {
    memset(a, 0, sizeof *a);
    a->binaryVersion = cc();
    a->ptxVersion = cc();
    a->maxThreadsPerBlock = 1024;
    a->numRegs = 32;
    return 0;
}
cudaError_t cudaFuncSetAttribute(const void *f, enum cudaFuncAttribute a, int v) { return 0; }
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *n, const void *f, int b, size_t s) {
    *n = 2;
    return 0;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *n, const void *f, int b, size_t s,
                                                                   unsigned fl) {
    *n = 2;
    return 0;
}
cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *a, const void *p) {
    memset(a, 0, sizeof *a);
    a->type = cudaMemoryTypeUnregistered;
    return 0;
}
cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *m) {
    int old = mine;
    mine = *m;
    *m = old;
    return 0;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t s, enum cudaStreamCaptureStatus *st) {
    *st = (where(s) >= 0) ? (cap_invalid ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive)
                          : cudaStreamCaptureStatusNone;
    return 0;
}
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t s, enum cudaStreamCaptureStatus *st, unsigned long long *id,
                                     cudaGraph_t *g, const cudaGraphNode_t **d, const cudaGraphEdgeData **e,
                                     size_t *n) {
    *st = (where(s) >= 0) ? (cap_invalid ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive)
                          : cudaStreamCaptureStatusNone;
    if (id) *id = cap_id;
    if (g) *g = (cudaGraph_t)0x77;
    if (n) *n = 0;
    return 0;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode m) {
    if (verbose()) fprintf(stderr, "stub: capture begins, mode %d\n", m);
    if (s == 0) return err(cudaErrorStreamCaptureUnsupported);
    cap_stream = s;
    cap_mode = m;
    cap_invalid = 0;
    cap_id++;
    cap_thread = pthread_self();
    captured = 0;
    joined[0] = s;
    dirty[0] = 0;
    njoined = 1;
    return 0;
}
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g) {
    if (verbose()) fprintf(stderr, "stub: capture ends\n");
    int bad = cap_invalid, lost = 0;
    for (int i = 1; i < njoined; i++)
        lost |= dirty[i];
    cap_stream = NULL;
    if (!bad && lost) {
        *g = NULL;
        if (verbose()) fprintf(stderr, "stub: a stream has not come back\n");
        return err(cudaErrorStreamCaptureUnjoined);
    }
    cap_invalid = 0;
    if (bad) {
        *g = NULL;
        return err(cudaErrorStreamCaptureInvalidated);
    }
    *g = (cudaGraph_t)0x77;
    return 0;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *e, cudaGraph_t g, unsigned long long f) {
    *e = (cudaGraphExec_t)0x88;
    return 0;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *e, cudaGraph_t g, unsigned long long f) {
    *e = (cudaGraphExec_t)0x88;
    return 0;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t g, cudaGraphNode_t *n, size_t *c) {
    *c = captured ? captured : 1;
    return 0;
}
cudaError_t cudaGraphDestroy(cudaGraph_t g) { return 0; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t g) { return 0; }
static long replays = 0;
long stub_replays(void) { return replays; }
cudaError_t cudaGraphLaunch(cudaGraphExec_t e, cudaStream_t s) {
    replays++;
    return 0;
}
cudaError_t cudaGraphRetainUserObject(cudaGraph_t g, cudaUserObject_t o, unsigned c, unsigned f) { return 0; }
cudaError_t cudaUserObjectCreate(cudaUserObject_t *o, void *p, cudaHostFn_t d, unsigned c, unsigned f) {
    *o = (cudaUserObject_t)0x99;
    return 0;
}
cudaError_t cudaUserObjectRelease(cudaUserObject_t o, unsigned c) { return 0; }
cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t s, cudaGraphNode_t *d,
                                                const cudaGraphEdgeData *e, size_t n, unsigned f) {
    return 0;
}
cudaError_t cudaGetSymbolAddress(void **p, const void *s) {
    static char z[1 << 16];
    *p = z;
    return 0;
}
cudaError_t cudaMemcpyToSymbol(const void *s, const void *src, size_t n, size_t o, enum cudaMemcpyKind k) {
    return 0;
}
cudaError_t cudaDeviceCanAccessPeer(int *c, int a, int b) {
    *c = 1;
    return 0;
}
cudaError_t cudaDeviceEnablePeerAccess(int a, unsigned f) { return 0; }
// driver entry points
CUresult stub_driver(void) { return 0; }
static CUresult primary_state(CUdevice d, unsigned *f, int *a) {
    *f = 0;
    *a = 1;
    return 0;
}
CUresult cuInit(unsigned f) { return 0; }
CUresult cuDriverGetVersion(int *v) {
    *v = 13020;
    return 0;
}
CUresult cuDevicePrimaryCtxGetState(CUdevice d, unsigned *f, int *a) { return primary_state(d, f, a); }
CUresult cuGetErrorString(CUresult r, const char **s) {
    *s = "stub";
    return 0;
}
CUresult cuCtxGetCurrent(CUcontext *c) {
    *c = (CUcontext)0x55;
    return 0;
}
CUresult cuCtxSetCurrent(CUcontext c) { return 0; }
CUresult cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d) {
    *c = (CUcontext)0x55;
    return 0;
}
CUresult cuDeviceGetCount(int *n) {
    *n = devices();
    return 0;
}
CUresult cuPointerGetAttribute(void *d, CUpointer_attribute a, CUdeviceptr p) { return 1; }
cudaError_t cudaGetDriverEntryPointByVersion(const char *s, void **p, unsigned v, unsigned long long f,
                                             enum cudaDriverEntryPointQueryResult *r) {
    *p = (strcmp(s, "cuDevicePrimaryCtxGetState") == 0) ? (void *)primary_state : (void *)stub_driver;
    if (r) *r = cudaDriverEntryPointSuccess;
    return 0;
}
