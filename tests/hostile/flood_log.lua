-- Ten thousand lines a second.
-- expect: harmless or overrun

return { tick = function(room) for i = 1, 400 do room:log("line", i) print(("x"):rep(5000)) end end }
