-- http.request: what it gives, when, and how little it says of failures.

return function(t)
  local test = t.test

  local function reply(status, body, headers)
    return "HTTP/1.1 " .. status .. "\r\nContent-Length: " .. #body .. "\r\nX-Airboat: Yes\r\nConnection: close\r\n" .. (headers or "") .. "\r\n" .. body
  end

  -- Requests from a script of its own; what came back stands in `asked.response`.
  local function ask(app, url, method, headers, body, options)
    local asked = {}
    asked.script = app:script({ init = function(self)
      asked.values = select("#", app.globals.http.request(url, method, function(who, id, response)
        asked.calls = (asked.calls or 0) + 1
        asked.response, asked.id, asked.mine = response, id, who == self
      end, headers, body, options))
    end })
    return asked
  end

  local function answering(world, answer, options)
    local app, peer = world:app(options), world:peer("http")
    peer.answer = answer
    return app, peer, "http://127.0.0.1:" .. peer.port
  end

  test("both", "request returns no values and calls back once, later, as the script", function(world)
    local app, peer, url = answering(world, function(_, body) return reply("200 OK", body .. "\0\255") end)
    local asked = ask(app, url .. "/poll", "POST", { ["content-type"] = "text/plain" }, "\0\1\255")
    t.equal({ asked.values, asked.response }, { 0 })
    world:wait("the answer", function() return asked.response end)
    t.equal({ asked.response.status, asked.response.response, asked.response.url, asked.mine, asked.calls }, { 200, "\0\1\255\0\255", url .. "/poll", true, 1 })
    t.check(peer.heads[1]:find("^POST /poll HTTP/1.1"))
  end)

  test("both", "headers have lower-case names, and are there with 200 and 206 only", function(world)
    local app, _, url = answering(world, function(head) return reply(head:match("/(%d+)") .. " Said", "x") end)
    for _, status in ipairs { 200, 206, 404, 500 } do
      local asked = ask(app, url .. "/" .. status, "GET")
      world:wait("the answer", function() return asked.response end)
      t.equal({ asked.response.status, asked.response.headers["x-airboat"] }, { status, status <= 206 and "Yes" or nil })
      t.equal(asked.response.headers["X-Airboat"], nil)
    end
  end)

  test("both", "refused, timed out and broken look alike: status 0, nothing in it", function(world)
    local app, _, url = answering(world, function(head, _, link)
      if head:find("/break", 1, true) then link.tcp:abort() end
    end)
    local refused = ask(app, "http://127.0.0.1:" .. require("host.peer").closed_port() .. "/", "GET")
    local broken = ask(app, url .. "/break", "GET")
    local silent = ask(app, url .. "/silent", "GET", nil, nil, { timeout = 5 })
    world:wait("two answers", function() return refused.response and broken.response end)
    t.equal(silent.response, nil)
    app:skip(6)
    world:wait("the third", function() return silent.response end)
    for _, asked in ipairs { refused, broken, silent } do
      t.equal({ asked.response.status, asked.response.response, asked.response.error, next(asked.response.headers) }, { 0, "" })
    end
  end)

  test("both", "without a timeout a request waits for ever", function(world)
    local app, _, url = answering(world, function() end)
    local asked = ask(app, url, "GET")
    for _ = 1, 10 do app:skip(60) world:step() end
    t.equal(asked.response, nil)
  end)

  test("both", "arguments are checked: a callback must be there", function(world)
    local app = world:app()
    local request = app.globals.http.request
    app:script({ init = function()
      t.raises("function expected", request, "http://127.0.0.1", "GET")
      t.raises("string expected", request, nil, "GET", function() end)
      t.raises("table expected", request, "http://127.0.0.1", "GET", function() end, "headers")
      t.raises("string expected", request, "http://127.0.0.1", "POST", function() end, nil, {})
    end })
  end)

  test("both", "the answer to a deleted script is for nobody", function(world)
    local app, peer, url = answering(world, function() return reply("200 OK", "x") end)
    local asked = ask(app, url, "GET")
    app:delete(asked.script)
    world:wait("the request", function() return #peer.heads == 1 end)
    world:frames(5)
    t.equal(asked.response, nil)
  end)

  test("both", "works from a coroutine", function(world)
    local app, _, url = answering(world, function() return reply("200 OK", "x") end)
    local status
    app:script({ init = function()
      local g = app.globals
      g.coroutine.wrap(function()
        local me = g.coroutine.running()
        g.http.request(url, "GET", function(_, _, response) g.coroutine.resume(me, response) end)
        status = g.coroutine.yield().status
      end)()
    end })
    world:wait("the answer", function() return status == 200 end)
  end)

  test("html5", "custom headers and other kinds of bodies cost a preflight, text/plain does not", function(world)
    local app, _, url = answering(world, function() return reply("200 OK", "x") end)
    ask(app, url, "POST", { ["content-type"] = "text/plain" }, "x")
    ask(app, url, "GET")
    t.equal(app.http.preflights, 0)
    ask(app, url, "POST", { ["content-type"] = "application/octet-stream" }, "x")
    ask(app, url, "GET", { ["x-token"] = "1" })
    t.equal(app.http.preflights, 2)
  end)

  test("native", "four threads: the fifth request waits for one of them (guess, unrecorded)", function(world)
    local app, peer, url = answering(world, function(head) return head:find("/last", 1, true) and reply("200 OK", "x") or nil end)
    for _ = 1, 4 do ask(app, url .. "/parked", "GET", nil, nil, { timeout = 30 }) end
    local last = ask(app, url .. "/last", "GET")
    world:frames(10)
    t.equal({ #peer.heads, last.response }, { 4 })
    app:skip(31)
    world:wait("the last", function() return last.response end)
    t.equal(last.response.status, 200)
  end)
end
