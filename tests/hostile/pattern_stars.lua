-- The classic.
-- expect: error

return { tick = function() return ("a"):rep(60):match(("a*"):rep(30) .. "b") end }
