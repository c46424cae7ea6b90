import { useEffect, useRef, type RefObject } from "react";

/** Whether the part of the page that asked for something is gone when the answer comes. */
export function useGone(): RefObject<boolean> {
  const gone = useRef(false);
  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
    };
  }, []);
  return gone;
}
