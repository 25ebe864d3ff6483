#pragma once
// Each file of this folder adds its functions to the addon.

#include <napi.h>

namespace mixtape {

void export_engine(Napi::Object exports);
void export_weights(Napi::Object exports);
void export_products(Napi::Object exports);
void export_peaks(Napi::Object exports);
void export_mlp(Napi::Object exports);
void export_project_heads(Napi::Object exports);
void export_rows(Napi::Object exports);
void export_elementwise(Napi::Object exports);
void export_strided_copy(Napi::Object exports);
void export_gather(Napi::Object exports);
void export_key_value_store(Napi::Object exports);
void export_attention(Napi::Object exports);
void export_recurrence(Napi::Object exports);
void export_captured_graph(Napi::Object exports);
void export_graph_thread(Napi::Object exports);

}  // namespace mixtape
