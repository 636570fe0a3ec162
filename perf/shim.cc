#include "perf/shim.h"

#include <cstdio>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace
{

// main.c prints rows as they end.
class silent_reporter : public benchmark::BenchmarkReporter
{
      public:
	bool ReportContext(const Context &) override
	{
		return true;
	}
	void ReportRuns(const std::vector<Run> &) override
	{
	}
};

void run_row(benchmark::State &state, shim_fn *fn, void *user)
{
	struct shim_result res = {};

	// One iteration: the row makes its batches itself, with both sides in each.
	for (auto _ : state) {
		fn(user, &res);
		state.SetIterationTime(res.ns * 1e-9);
	}
	for (size_t i = 0; i < res.n_counters; i++)
		state.counters[res.counters[i].name] = res.counters[i].value;
	if (res.label != nullptr)
		state.SetLabel(res.label);
	if (res.failure != nullptr)
		state.SkipWithError(res.failure);
}

} // namespace

extern "C" void shim_context(const char *key, const char *value)
{
	benchmark::AddCustomContext(key, value);
}

extern "C" void shim_register(const char *name, shim_fn *fn, void *user)
{
	benchmark::RegisterBenchmark(
		name, [fn, user](benchmark::State &state) { run_row(state, fn, user); })
		->Iterations(1)
		->UseManualTime();
}

extern "C" size_t shim_run(const char *program, const char *json)
{
	std::vector<std::string> args = {program};
	std::vector<char *> argv;

	if (json != nullptr) {
		args.push_back(std::string("--benchmark_out=") + json);
		args.push_back("--benchmark_out_format=json");
	}
	for (auto &a : args)
		argv.push_back(a.data());

	int argc = static_cast<int>(argv.size());
	silent_reporter quiet;

	benchmark::Initialize(&argc, argv.data());
	size_t n = benchmark::RunSpecifiedBenchmarks(&quiet);
	benchmark::Shutdown();
	return n;
}
