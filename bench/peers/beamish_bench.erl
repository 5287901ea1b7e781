%% Two erl nodes: a gen_server behind gen_server:call and gen_server:cast, between them the distribution.
%% Speaks the line protocol of harness/serve.ts: "WORKLOAD WARMUP MEASURE" in, "@JSON" out; ends with its input.
-module(beamish_bench).
-behaviour(gen_server).
-export([server/1, client/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

init(_) ->
    {_, _} = pg:monitor(bench_groups, ask),
    ok = net_kernel:monitor_nodes(true),
    {ok, 0}.
handle_call({echo, Object}, _From, Count) -> {reply, Object, Count};
handle_call(count, _From, Count) -> {reply, Count, Count}.
handle_cast({sink, Object}, Count) when is_map(Object) -> {noreply, Count + 1}.
handle_info({nodeup, Node}, Count) -> {bench_witness, Node} ! up, {noreply, Count};
handle_info({nodedown, _}, Count) -> {noreply, Count};
handle_info({_, join, ask, _}, Count) -> ok = pg:join(bench_groups, answer, self()), {noreply, Count};
handle_info({_, leave, ask, _}, Count) -> ok = pg:leave(bench_groups, answer, self()), {noreply, Count}.

server(_) ->
    {ok, _} = pg:start(bench_groups),
    {ok, _} = gen_server:start({local, bench}, ?MODULE, [], []),
    say("{\"ready\":{\"node\":\"~s\"}}", [node()]),
    input(fun(_) -> ok end).

client([Node, File]) ->
    {ok, [Objects]} = file:consult(File),
    {ok, _} = pg:start(bench_groups),
    {_, _} = pg:monitor(bench_groups, answer),
    register(bench_witness, self()),
    pong = net_adm:ping(Node),
    Server = {bench, Node},
    say("{\"ready\":{}}", []),
    input(fun(Line) -> answer(string:lexemes(Line, " \n"), Server, Objects) end).

input(Fun) ->
    case io:get_line("") of
        Line when is_list(Line) -> Fun(Line), input(Fun);
        _ -> halt(0)
    end.

say(Format, Args) -> io:format("@" ++ Format ++ "~n", Args).

answer([Workload, Warmup, Measure], Server, Objects) ->
    try
        Object = fun(Name) -> maps:get(Name, Objects) end,
        Ms = [list_to_integer(Warmup), list_to_integer(Measure)],
        [_, Result] = [run(Workload, Server, Object, Time) || Time <- Ms],
        say("{\"figures\":{~s}}", [Result])
    catch
        Class:Reason -> say("{\"error\":\"~p\"}", [{Class, element(1, {Reason})}])
    end.

now_us() -> erlang:monotonic_time(microsecond).

run("roundTrip", Server, Object, Ms) ->
    Now = erlang:monotonic_time(nanosecond),
    latencies(calls(Server, Object(object64), Now, Now + Ms * 1000000, []));
run("inFlight", Server, Object, Ms) ->
    Map = Object(object64),
    Start = now_us(),
    End = Start + Ms * 1000,
    Callers = [spawn_monitor(fun() -> exit({done, caller(Server, Map, End, 0)}) end) || _ <- lists:seq(1, 64)],
    Counts = [receive {'DOWN', Ref, process, Pid, {done, N}} -> N end || {Pid, Ref} <- Callers],
    rate(lists:sum(Counts), Start);
run("pgJoin", _, _, Ms) -> samples(fun join/0, Ms);
run("connect", {_, Node}, _, Ms) ->
    ok = net_kernel:monitor_nodes(true),
    Result = samples(fun() -> connect(Node) end, Ms),
    ok = net_kernel:monitor_nodes(false),
    Result;
run("oneWay64", Server, Object, Ms) -> one_way(Server, Object(object64), Ms);
run("oneWay1k", Server, Object, Ms) -> one_way(Server, Object(object1k), Ms).

latencies(Nanoseconds) ->
    Sorted = lists:sort(Nanoseconds),
    Count = length(Sorted),
    At = fun(Share) -> lists:nth(min(Count, trunc(Count * Share) + 1), Sorted) / 1000 end,
    io_lib:format("\"p50\":~.3f,\"p99\":~.3f,\"count\":~b", [At(0.5), At(0.99), Count]).

rate(Count, Start) -> io_lib:format("\"rate\":~.3f", [Count / ((now_us() - Start) / 1000000)]).

calls(_, _, Then, End, Latencies) when Then >= End -> Latencies;
calls(Server, Map, Then, End, Latencies) ->
    Map = gen_server:call(Server, {echo, Map}),
    Now = erlang:monotonic_time(nanosecond),
    calls(Server, Map, Now, End, [Now - Then | Latencies]).

caller(Server, Map, End, Count) ->
    case now_us() < End of
        true -> gen_server:call(Server, {echo, Map}), caller(Server, Map, End, Count + 1);
        false -> Count
    end.

%% The sender is suspended by the distribution when its buffer is full; the last call comes after all casts.
one_way(Server, Map, Ms) ->
    Before = gen_server:call(Server, count, 30000),
    Start = now_us(),
    Sent = casts(Server, Map, Start + Ms * 1000, 0),
    Sent = gen_server:call(Server, count, 30000) - Before,
    rate(Sent, Start).

casts(Server, Map, End, Count) ->
    case now_us() < End of
        true -> cast32(Server, Map, 32), casts(Server, Map, End, Count + 32);
        false -> Count
    end.

cast32(_, _, 0) -> ok;
cast32(Server, Map, N) -> gen_server:cast(Server, {sink, Map}), cast32(Server, Map, N - 1).

samples(Sample, Ms) -> latencies(samples(Sample, now_us() + Ms * 1000, [])).

samples(Sample, End, Taken) ->
    case Taken =:= [] orelse now_us() < End of
        true -> samples(Sample, End, [Sample() | Taken]);
        false -> Taken
    end.

%% Half of the time until the other side, which has seen the join, has joined and is seen in turn.
join() ->
    Start = erlang:monotonic_time(nanosecond),
    ok = pg:join(bench_groups, ask, self()),
    receive {_, join, answer, _} -> ok end,
    Taken = erlang:monotonic_time(nanosecond) - Start,
    ok = pg:leave(bench_groups, ask, self()),
    receive {_, leave, answer, _} -> ok end,
    Taken / 2.

connect(Node) ->
    receive after 30 -> ok end, % what the last connection has set off is over: it would connect again
    true = erlang:disconnect_node(Node),
    receive {nodedown, Node} -> ok end,
    receive after 5 -> ok end, % for the other side to see it too
    forget(),
    case lists:member(Node, nodes()) of
        true -> connect(Node);
        false ->
            Start = erlang:monotonic_time(nanosecond),
            true = net_kernel:connect_node(Node),
            receive {nodeup, Node} -> ok end,
            receive up -> ok end,
            erlang:monotonic_time(nanosecond) - Start
    end.

forget() ->
    receive
        {nodeup, _} -> forget();
        up -> forget()
    after 0 -> ok
    end.
