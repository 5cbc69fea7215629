"""Requests of Gemini's API, member by member: https://ai.google.dev/api/generate-content, /api/caching#Content, /api/embeddings."""

from __future__ import annotations

from typing import Any, Literal, Required

from typing_extensions import TypedDict


class Blob(TypedDict, total=False):
    mimeType: Required[str]
    data: Required[str]
    displayName: str


class FileData(TypedDict, total=False):
    mimeType: str
    fileUri: Required[str]


class FunctionCall(TypedDict, total=False):
    id: str
    name: Required[str]
    args: dict[str, Any]


class FunctionResponse(TypedDict, total=False):
    id: str
    name: Required[str]
    response: Required[dict[str, Any]]
    parts: list[dict[str, Any]]
    willContinue: bool
    scheduling: str


class Part(TypedDict, total=False):
    thought: bool
    thoughtSignature: str
    partMetadata: dict[str, Any]
    mediaResolution: dict[str, Any]
    videoMetadata: dict[str, Any]
    text: str
    inlineData: Blob
    functionCall: FunctionCall
    functionResponse: FunctionResponse
    fileData: FileData
    executableCode: dict[str, Any]
    codeExecutionResult: dict[str, Any]


DATA = ("text", "inlineData", "functionCall", "functionResponse", "fileData", "executableCode", "codeExecutionResult")


class Content(TypedDict, total=False):
    role: Literal["user", "model"]
    parts: Required[list[Part]]


class FunctionDeclaration(TypedDict, total=False):
    name: Required[str]
    description: str
    behavior: str
    parameters: dict[str, Any]
    parametersJsonSchema: dict[str, Any]
    response: dict[str, Any]
    responseJsonSchema: dict[str, Any]


class Tool(TypedDict, total=False):
    functionDeclarations: list[FunctionDeclaration]
    googleSearch: dict[str, Any]
    codeExecution: dict[str, Any]
    urlContext: dict[str, Any]


class FunctionCallingConfig(TypedDict, total=False):
    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED"]
    allowedFunctionNames: list[str]


class ToolConfig(TypedDict, total=False):
    functionCallingConfig: FunctionCallingConfig
    retrievalConfig: dict[str, Any]


class ThinkingConfig(TypedDict, total=False):
    includeThoughts: bool
    thinkingBudget: int
    thinkingLevel: Literal["minimal", "low", "medium", "high"]


class GenerationConfig(TypedDict, total=False):
    stopSequences: list[str]
    responseMimeType: Literal["text/plain", "application/json", "text/x.enum"]
    responseSchema: dict[str, Any]
    responseJsonSchema: dict[str, Any]
    responseModalities: list[str]
    candidateCount: int
    maxOutputTokens: int
    temperature: float
    topP: float
    topK: int
    seed: int
    presencePenalty: float
    frequencyPenalty: float
    responseLogprobs: bool
    logprobs: int
    speechConfig: dict[str, Any]
    thinkingConfig: ThinkingConfig
    imageConfig: dict[str, Any]
    mediaResolution: str


class GenerateContentRequest(TypedDict, total=False):
    contents: Required[list[Content]]
    tools: list[Tool]
    toolConfig: ToolConfig
    safetySettings: list[dict[str, Any]]
    systemInstruction: Content
    generationConfig: GenerationConfig
    cachedContent: str


class EmbedContentRequest(TypedDict, total=False):
    model: Required[str]
    content: Required[Content]
    taskType: str
    title: str
    outputDimensionality: int


class BatchEmbedContentsRequest(TypedDict, total=False):
    requests: Required[list[EmbedContentRequest]]
