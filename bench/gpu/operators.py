"""ONNX Runtime's own operators of the graphs for CUDA, for `onnx.reference`.

Each computes in f32 and rounds its result to its inputs' type, as the CUDA kernels do. The attention
computes twice, as the two families of kernels do: by token offsets (the unfused one, which lays the batch out
as a rectangle) and by cumulative lengths (the fused ones). The two must agree: only then are both inputs right.
"""

import math

import numpy as np
from onnx.reference.op_run import OpRun

MICROSOFT = "com.microsoft"


def rounded(result, like):
    return (result.astype(like.dtype),)


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float32])(x) if x.size else x


class Gemm(OpRun):
    """Here since numpy's own product of f16 matrices sums in f16."""

    op_domain = ""

    def _run(self, a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0):
        a, weights = (a.T if transA else a), (b.T if transB else b)
        product = alpha * (a.astype(np.float32) @ weights.astype(np.float32))
        return rounded(product if c is None else product + beta * c.astype(np.float32), a)


class FusedMatMul(OpRun):
    op_domain = MICROSOFT

    def _run(self, a, b, alpha=1.0, transA=0, transB=0, transBatchA=0, transBatchB=0):
        assert not (transA or transBatchA or transBatchB), "not in these graphs"
        weights = b.T if transB else b
        return rounded(alpha * (a.astype(np.float32) @ weights.astype(np.float32)), a)


class SkipLayerNormalization(OpRun):
    op_domain = MICROSOFT

    def _run(self, x, skip, gamma, beta=None, bias=None, epsilon=1e-12):
        # The sum is rounded before it is normalized, as by the kernel.
        total = (x + skip if bias is None else x + skip + bias).astype(np.float32)
        centred = total - total.mean(axis=-1, keepdims=True)
        scale = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
        return rounded(centred * scale * gamma.astype(np.float32) + beta.astype(np.float32), x)


class BiasGelu(OpRun):
    op_domain = MICROSOFT

    def _run(self, x, bias):
        total = x.astype(np.float32) + bias.astype(np.float32)
        return rounded(0.5 * total * (1 + erf(total / math.sqrt(2))), x)


class FastGelu(OpRun):
    op_domain = MICROSOFT

    def _run(self, x, bias=None):
        total = x.astype(np.float32) + (0 if bias is None else bias.astype(np.float32))
        return rounded(0.5 * total * (1 + np.tanh(math.sqrt(2 / math.pi) * (total + 0.044715 * total**3))), x)


class PackedMultiHeadAttention(OpRun):
    op_domain = MICROSOFT

    def _run(
        self,
        query,
        key,
        value,
        bias,
        token_offset,
        cumulative,
        attention_bias=None,
        num_heads=None,
        mask_filter_value=None,
        scale=None,
    ):
        assert key is None and value is None and attention_bias is None, "queries, keys and values are one input"
        assert token_offset.dtype == np.int32 and cumulative.dtype == np.int32
        tokens, heads, three, head = query.shape
        rows, longest = token_offset.shape
        assert (heads, three) == (num_heads, 3) and bias.shape == (3 * heads * head,)
        assert cumulative.shape == (rows + 1,) and cumulative[0] == 0 and cumulative[-1] == tokens
        # The biases of queries, keys and values come one after the other; [tokens, 3, heads, head].
        qkv = query.astype(np.float32).transpose(0, 2, 1, 3) + bias.astype(np.float32).reshape(3, heads, head)
        scale = scale or 1 / math.sqrt(head)
        by_offsets = self.unfused(qkv, token_offset.reshape(-1), np.diff(cumulative), (rows, longest), scale)
        by_lengths = self.fused(qkv, cumulative, longest, scale)
        np.testing.assert_allclose(by_offsets, by_lengths, rtol=1e-4, atol=1e-5)
        return rounded(by_lengths.reshape(tokens, heads * head), query)

    @staticmethod
    def unfused(qkv, token_offset, lengths, rectangle, scale):
        rows, longest = rectangle
        tokens, _, heads, head = qkv.shape
        assert sorted(token_offset) == list(range(rows * longest)), "every cell once"
        # Cells of padding hold anything finite.
        cells = np.full((rows * longest, 3, heads, head), 7, np.float32)
        cells[token_offset[:tokens]] = qkv
        q, k, v = cells.reshape(rows, longest, 3, heads, head).transpose(2, 0, 3, 1, 4)
        scores = q @ k.transpose(0, 1, 3, 2) * scale
        visible = np.arange(longest) < lengths[:, None]
        scores = np.where(visible[:, None, None, :], scores, -np.inf)
        # A text of no tokens has nothing to attend to, and nobody reads what comes out.
        scores[lengths == 0] = 0
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        context = (weights @ v).transpose(0, 2, 1, 3).reshape(rows * longest, heads, head)
        return context[token_offset[:tokens]]

    @staticmethod
    def fused(qkv, cumulative, longest, scale):
        context = np.empty_like(qkv[:, 0])
        for start, end in zip(cumulative[:-1], cumulative[1:], strict=True):
            assert 0 <= end - start <= longest, "no text is longer than the rectangle is wide"
            q, k, v = qkv[start:end].transpose(1, 2, 0, 3)
            scores = q @ k.transpose(0, 2, 1) * scale
            weights = np.exp(scores - scores.max(axis=-1, keepdims=True, initial=-np.inf))
            context[start:end] = (weights / weights.sum(axis=-1, keepdims=True) @ v).transpose(1, 0, 2)
        return context


OPERATORS = [Gemm, FusedMatMul, SkipLayerNormalization, BiasGelu, FastGelu, PackedMultiHeadAttention]
