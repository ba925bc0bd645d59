-- Two to the power of 26 ways to match.
-- expect: error

return { tick = function() return ("a"):rep(26):find(("a?"):rep(26) .. ("a"):rep(26)) end }
